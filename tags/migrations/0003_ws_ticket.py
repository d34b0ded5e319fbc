"""The table of tickets, with the database's half of tenancy as migration 0002 gives it to the others."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tags.models.ids
import tags.models.tenant

KEYS = """
    ALTER TABLE ws_ticket DROP CONSTRAINT ws_ticket_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE ws_ticket
    ADD CONSTRAINT ws_ticket_organization FOREIGN KEY (organization_id) REFERENCES organization (id),
    ADD CONSTRAINT ws_ticket_api_key FOREIGN KEY (organization_id, api_key_id) REFERENCES api_key (organization_id, id)
"""
ISOLATION = """
    ALTER TABLE ws_ticket ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON ws_ticket
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0002_tenancy"),
    ]

    operations = [
        migrations.CreateModel(
            name="WsTicket",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("digest", models.BinaryField(max_length=32)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "api_key",
                    tags.models.tenant.TenantKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tags.apikey",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tags.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "ws_ticket",
                "indexes": [models.Index(models.F("organization"), models.F("expires_at"), name="ws_ticket_expired")],
                "constraints": [
                    models.UniqueConstraint(models.F("organization"), models.F("digest"), name="ws_ticket_digest"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("api_key__isnull", False), ("user__isnull", True)),
                            models.Q(("api_key__isnull", True), ("user__isnull", False)),
                            _connector="OR",
                        ),
                        name="ws_ticket_of_one",
                    ),
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(ISOLATION, migrations.RunSQL.noop),
    ]
