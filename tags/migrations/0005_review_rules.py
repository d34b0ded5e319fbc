"""Review rules and what they have fired for, with the database's half of tenancy as migration 0002 gives it."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import tags.db.exact_json
import tags.models.ids
import tags.models.tenant

KEYS = """
    ALTER TABLE review_rule DROP CONSTRAINT review_rule_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE review_rule
    ADD CONSTRAINT review_rule_organization FOREIGN KEY (organization_id) REFERENCES organization (id);
    ALTER TABLE rule_firing DROP CONSTRAINT rule_firing_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE rule_firing
    ADD CONSTRAINT rule_firing_rule
        FOREIGN KEY (organization_id, rule_id) REFERENCES review_rule (organization_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT rule_firing_flow_execution
        FOREIGN KEY (organization_id, flow_execution_id) REFERENCES flow_execution (organization_id, id)
"""
ISOLATION = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON {table}
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0004_ingest"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200, validators=[django.core.validators.MinLengthValidator(1)])),
                ("is_active", models.BooleanField(default=True)),
                ("flow_pattern", models.CharField(blank=True, max_length=200)),
                ("task_pattern", models.CharField(blank=True, max_length=200)),
                ("statuses", tags.db.exact_json.ExactJSONField(blank=True, default=list)),
                ("expression", models.CharField(blank=True, max_length=2000)),
                (
                    "sampling_rate",
                    models.DecimalField(
                        decimal_places=6,
                        default=Decimal("1"),
                        max_digits=7,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                    ),
                ),
                ("tags", tags.db.exact_json.ExactJSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
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
                "db_table": "review_rule",
            },
        ),
        migrations.CreateModel(
            name="RuleFiring",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("task_name", models.CharField(max_length=200)),
                ("task_execution_idx", models.IntegerField()),
                ("fired_at", models.DateTimeField()),
                ("taken_back", models.BooleanField(default=False)),
                (
                    "flow_execution",
                    tags.models.tenant.TenantKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tags.flowexecution",
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
                    "rule",
                    tags.models.tenant.TenantKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="firings",
                        to="tags.reviewrule",
                    ),
                ),
            ],
            options={
                "db_table": "rule_firing",
            },
        ),
        migrations.AddConstraint(
            model_name="reviewrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="review_rule_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("sampling_rate__gte", 0), ("sampling_rate__lte", 1)),
                name="review_rule_sampling_rate",
            ),
        ),
        migrations.AddIndex(
            model_name="rulefiring",
            index=models.Index(models.F("organization"), models.F("rule"), name="rule_firing_by_rule"),
        ),
        migrations.AddConstraint(
            model_name="rulefiring",
            constraint=models.UniqueConstraint(
                models.F("organization"),
                models.F("flow_execution"),
                models.F("task_name"),
                models.F("task_execution_idx"),
                models.F("rule"),
                name="rule_firing_once",
            ),
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(ISOLATION.format(table=table), migrations.RunSQL.noop)
            for table in ("review_rule", "rule_firing")
        ),
    ]
