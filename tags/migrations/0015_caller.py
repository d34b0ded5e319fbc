from django.db import migrations

# As in migration 0002, but an organization is named only by a key that holds: the statements of the work may follow in
# the same transaction. It looks into each table once, and sets by assignment, which costs less than a query.
CALLER = """
    CREATE OR REPLACE FUNCTION tagsite_caller(presented bytea) RETURNS TABLE (
        key_id uuid, stored_digest bytea, organization uuid, last_used timestamptz, account_id uuid, account_kind text,
        account_scopes text[], valid boolean
    ) LANGUAGE plpgsql AS $$
    DECLARE
        setting text;
        key api_key;
        account service_account;
    BEGIN
        setting := set_config('tagsite.api_key_digest', encode(presented, 'hex'), true);
        SELECT * INTO key FROM api_key WHERE digest = presented;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        setting := set_config('tagsite.organization_id', key.organization_id::text, true);
        SELECT * INTO account FROM service_account
        WHERE organization_id = key.organization_id AND id = key.service_account_id;
        key_id := key.id;
        stored_digest := key.digest;
        organization := key.organization_id;
        last_used := key.last_used_at;
        account_id := account.id;
        account_kind := account.kind;
        account_scopes := ARRAY(SELECT jsonb_array_elements_text(account.scopes));
        valid := key.revoked_at IS NULL AND account.revoked_at IS NULL
                 AND (key.expires_at IS NULL OR key.expires_at > now());
        IF valid IS NOT TRUE THEN
            setting := set_config('tagsite.organization_id', '', true);
        END IF;
        RETURN NEXT;
    END $$
"""


class Migration(migrations.Migration):
    dependencies = [("tags", "0014_saved_views")]

    operations = [migrations.RunSQL(CALLER)]
