from django.db import migrations

# As tagsite_caller of migration 0015, but all that it tells is one text: no rows are made of it here, nor taken apart
# by the reader, who compares it with what was told before. That one stays for processes of the version before this.
KEY_HOLDER = """
    CREATE FUNCTION tagsite_key_holder(presented bytea) RETURNS json LANGUAGE plpgsql AS $$
    DECLARE
        setting text;
        key api_key;
        account service_account;
        valid boolean;
    BEGIN
        setting := set_config('tagsite.api_key_digest', encode(presented, 'hex'), true);
        SELECT * INTO key FROM api_key WHERE digest = presented;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        setting := set_config('tagsite.organization_id', key.organization_id::text, true);
        SELECT * INTO account FROM service_account
        WHERE organization_id = key.organization_id AND id = key.service_account_id;
        valid := key.revoked_at IS NULL AND account.revoked_at IS NULL
                 AND (key.expires_at IS NULL OR key.expires_at > now());
        IF valid IS NOT TRUE THEN
            setting := set_config('tagsite.organization_id', '', true);
        END IF;
        RETURN json_build_object(
            'key_id', key.id, 'digest', encode(key.digest, 'hex'), 'organization_id', key.organization_id,
            'last_used_at', key.last_used_at, 'account_id', account.id, 'kind', account.kind,
            'scopes', account.scopes, 'valid', valid
        );
    END $$
"""


class Migration(migrations.Migration):
    dependencies = [("tags", "0017_words")]

    operations = [migrations.RunSQL(KEY_HOLDER)]
