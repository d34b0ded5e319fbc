"""The seals over the events; old events are sealed by the first sealer that runs."""

import django.db.models.deletion
from django.db import migrations, models

import tags.models.ids

KEYS = """
    ALTER TABLE seal DROP CONSTRAINT seal_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE seal ADD CONSTRAINT seal_organization FOREIGN KEY (organization_id) REFERENCES organization (id);
    ALTER TABLE seal ADD CONSTRAINT seal_links CHECK (octet_length(links) = 32 * (position - first + 1))
"""
ISOLATION = """
    ALTER TABLE seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON seal
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""
# The sealer finds what to do in all organizations: it sees how far their streams and seals are, and nothing else.
SEALING = """
    CREATE POLICY sealing ON event_stream FOR SELECT USING (current_setting('tagsite.sealing', true) = 'on');
    CREATE POLICY sealing ON seal FOR SELECT USING (current_setting('tagsite.sealing', true) = 'on')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0010_preferences"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("first", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                ("links", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
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
            ],
            options={
                "db_table": "seal",
                "constraints": [
                    models.UniqueConstraint(models.F("organization"), models.F("first"), name="seal_first"),
                    models.UniqueConstraint(
                        models.F("organization"),
                        models.OrderBy(models.F("position"), descending=True),
                        name="seal_position",
                    ),
                    models.CheckConstraint(condition=models.Q(("first__gte", 1)), name="seal_counts"),
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(ISOLATION, migrations.RunSQL.noop),
        migrations.RunSQL(SEALING, migrations.RunSQL.noop),
    ]
