"""What ingest needs, with the database's half of tenancy as migration 0002 gives it to the others."""

import django.db.models.deletion
from django.db import migrations, models

import tags.db.exact_json
import tags.models.ids
import tags.models.tenant

KEYS = """
    ALTER TABLE producer_run DROP CONSTRAINT producer_run_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE producer_run
    ADD CONSTRAINT producer_run_organization FOREIGN KEY (organization_id) REFERENCES organization (id),
    ADD CONSTRAINT producer_run_flow_execution
        FOREIGN KEY (organization_id, flow_execution_id) REFERENCES flow_execution (organization_id, id);
    ALTER TABLE rejected_event DROP CONSTRAINT rejected_event_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE rejected_event
    ADD CONSTRAINT rejected_event_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
"""
ISOLATION = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON {table}
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0003_ws_ticket"),
    ]

    operations = [
        migrations.AddField(
            model_name="flowexecution",
            name="claims",
            field=tags.db.exact_json.ExactJSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="taskexecution",
            name="claims",
            field=tags.db.exact_json.ExactJSONField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="ProducerRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("run_id", models.UUIDField()),
                ("task_name", models.CharField(blank=True, max_length=200)),
                ("task_execution_idx", models.IntegerField(default=0)),
                ("waiting", tags.db.exact_json.ExactJSONField(blank=True, default=list)),
                (
                    "flow_execution",
                    tags.models.tenant.TenantKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
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
            ],
            options={
                "db_table": "producer_run",
                "constraints": [
                    models.UniqueConstraint(models.F("organization"), models.F("run_id"), name="producer_run_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="RejectedEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("openlineage", "OpenLineage"), ("otlp", "OpenTelemetry")], max_length=20
                    ),
                ),
                ("code", models.CharField(max_length=50)),
                ("reason", models.TextField()),
                ("body", tags.db.exact_json.ExactJSONField(blank=True, null=True)),
                ("request_id", models.CharField(max_length=64)),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
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
                "db_table": "rejected_event",
                "indexes": [
                    models.Index(
                        models.F("organization"),
                        models.OrderBy(models.F("received_at"), descending=True),
                        name="rejected_event_newest",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["openlineage", "otlp"])), name="rejected_event_source"
                    )
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(ISOLATION.format(table=table), migrations.RunSQL.noop)
            for table in ("producer_run", "rejected_event")
        ),
    ]
