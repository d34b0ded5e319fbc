"""Keys that include the organization, and row-level security: the database's half of tenancy."""

from django.db import migrations

# Each table of an organization, with its references: column -> table. One without any refers to the organization.
TENANT_TABLES: dict[str, dict[str, str]] = {
    "membership": {},
    "service_account": {},
    "api_key": {"service_account_id": "service_account"},
    "flow": {},
    "flow_execution": {"flow_id": "flow"},
    "task_execution": {"flow_execution_id": "flow_execution"},
    "task_tag": {"flow_execution_id": "flow_execution"},
    "event": {"flow_execution_id": "flow_execution"},
}

# The organization that the transaction has named (tags/db/tenancy.py), or null.
FUNCTION = """
    CREATE FUNCTION tagsite_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('tagsite.organization_id', true), '')::uuid
"""

KEYS = """
    ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (organization_id, id)
"""
REFERENCE_TO_ORGANIZATION = """
    ALTER TABLE {table} ADD CONSTRAINT {table}_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
"""
REFERENCE = """
    ALTER TABLE {table} ADD CONSTRAINT {table}_{parent}
    FOREIGN KEY (organization_id, {column}) REFERENCES {parent} (organization_id, id)
"""
ISOLATION = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON {table}
    USING ({column} = tagsite_organization()) WITH CHECK ({column} = tagsite_organization())
"""

# What a caller may see before the organization is known: the key that was presented, and the user's own memberships.
AUTHENTICATION = """
    CREATE POLICY presented ON api_key FOR SELECT
    USING (digest = decode(NULLIF(current_setting('tagsite.api_key_digest', true), ''), 'hex'));
    CREATE POLICY own ON membership FOR SELECT
    USING (user_id = NULLIF(current_setting('tagsite.user_id', true), '')::uuid);
    CREATE POLICY of_visible_membership ON organization FOR SELECT
    USING (EXISTS (SELECT FROM membership WHERE membership.organization_id = organization.id))
"""

# From the presented key to who calls, in one statement: the key tells its organization, whose service accounts then
# become visible. In a language of its own because authentication comes before every request: as three statements it
# took a quarter of a millisecond more.
CALLER = """
    CREATE FUNCTION tagsite_caller(presented bytea) RETURNS TABLE (
        key_id uuid, stored_digest bytea, organization uuid, last_used timestamptz, account_id uuid, account_kind text,
        account_scopes text[], valid boolean
    ) LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM set_config('tagsite.api_key_digest', encode(presented, 'hex'), true);
        PERFORM set_config('tagsite.organization_id', organization_id::text, true)
        FROM api_key WHERE digest = presented;
        RETURN QUERY
        SELECT api_key.id, api_key.digest, api_key.organization_id, api_key.last_used_at, account.id,
               account.kind::text, ARRAY(SELECT jsonb_array_elements_text(account.scopes)),
               api_key.revoked_at IS NULL AND account.revoked_at IS NULL
               AND (api_key.expires_at IS NULL OR api_key.expires_at > now())
        FROM api_key
        JOIN service_account AS account
          ON account.organization_id = api_key.organization_id AND account.id = api_key.service_account_id
        WHERE api_key.digest = presented;
    END $$
"""


def tenant_table(table: str, references: dict[str, str]) -> list[str]:
    keys = [REFERENCE.format(table=table, column=column, parent=parent) for column, parent in references.items()]
    return [
        KEYS.format(table=table),
        *(keys or [REFERENCE_TO_ORGANIZATION.format(table=table)]),
        ISOLATION.format(table=table, column="organization_id"),
    ]


class Migration(migrations.Migration):
    dependencies = [("tags", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION),
        *(migrations.RunSQL(statement) for item in TENANT_TABLES.items() for statement in tenant_table(*item)),
        migrations.RunSQL(ISOLATION.format(table="organization", column="id")),
        migrations.RunSQL(ISOLATION.format(table="event_stream", column="organization_id")),
        migrations.RunSQL(AUTHENTICATION),
        migrations.RunSQL(CALLER),
    ]
