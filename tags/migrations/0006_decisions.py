"""What people decided, with the database's half of tenancy as migration 0002 gives it to the others."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tags.db.exact_json
import tags.models.ids
import tags.models.organization

KEYS = """
    ALTER TABLE decision DROP CONSTRAINT decision_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE decision
    ADD CONSTRAINT decision_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
"""
ISOLATION = """
    ALTER TABLE decision ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON decision
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0005_review_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="waiting_tags",
            field=tags.db.exact_json.ExactJSONField(default=tags.models.organization.usual_waiting_tags),
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("group_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("approve", "Approve"),
                            ("reject", "Reject"),
                            ("flag", "Flag"),
                            ("tag", "Change tags"),
                            ("undo", "Undo"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                ("changes", tags.db.exact_json.ExactJSONField(default=list)),
                ("created_at", models.DateTimeField()),
                ("undoes", models.UUIDField(blank=True, null=True)),
                ("undone_by", models.UUIDField(blank=True, null=True)),
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
                "db_table": "decision",
                "indexes": [
                    models.Index(models.F("organization"), models.F("group_id"), name="decision_group"),
                    models.Index(
                        models.F("organization"),
                        models.F("user"),
                        models.OrderBy(models.F("created_at"), descending=True),
                        name="decision_by_user",
                    ),
                    models.Index(
                        models.F("organization"),
                        models.OrderBy(models.F("created_at"), descending=True),
                        name="decision_newest",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["approve", "reject", "flag", "tag", "undo"])),
                        name="decision_kind",
                    )
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(ISOLATION, migrations.RunSQL.noop),
    ]
