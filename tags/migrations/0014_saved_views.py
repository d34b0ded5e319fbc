"""Saved views of the inbox, with the database's half of tenancy as migration 0002 gives it to the others."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tags.models.ids

KEYS = """
    ALTER TABLE saved_view DROP CONSTRAINT saved_view_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE saved_view
    ADD CONSTRAINT saved_view_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
"""
ISOLATION = """
    ALTER TABLE saved_view ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON saved_view
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0013_event_tag"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(blank=True, max_length=4000)),
                ("is_shared", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "saved_view",
                "indexes": [
                    models.Index(
                        models.F("organization"),
                        models.F("name"),
                        condition=models.Q(("is_shared", True)),
                        name="saved_view_shared",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"), models.F("user"), models.F("name"), name="saved_view_name"
                    ),
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="saved_view_named"),
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(ISOLATION, migrations.RunSQL.noop),
    ]
