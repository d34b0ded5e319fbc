"""The tasks of each decision, for the figures of Insights; what the activity is asked for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform

import tags.models.ids
import tags.models.tenant

KEYS = """
    ALTER TABLE decided_task DROP CONSTRAINT decided_task_pkey, ADD PRIMARY KEY (organization_id, id);
    ALTER TABLE decided_task
    ADD CONSTRAINT decided_task_organization FOREIGN KEY (organization_id) REFERENCES organization (id),
    ADD CONSTRAINT decided_task_decision_row
        FOREIGN KEY (organization_id, decision_id) REFERENCES decision (organization_id, id),
    ADD CONSTRAINT decided_task_flow FOREIGN KEY (organization_id, flow_id) REFERENCES flow (organization_id, id),
    ADD CONSTRAINT decided_task_flow_execution
        FOREIGN KEY (organization_id, flow_execution_id) REFERENCES flow_execution (organization_id, id)
"""
ISOLATION = """
    ALTER TABLE decided_task ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one_organization ON decided_task
    USING (organization_id = tagsite_organization()) WITH CHECK (organization_id = tagsite_organization())
"""
TAG_EVENTS = ["task_tag.added", "task_tag.removed"]
RUN_EVENTS = ["flow_execution.created", "flow_execution.updated", "flow_execution.deleted"]
NEWEST_FIRST = models.OrderBy(models.F("position"), descending=True)


def tenant_key(to: str, name: str) -> tags.models.tenant.TenantKey:
    return tags.models.tenant.TenantKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=name,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0008_event_of_task"),
    ]

    operations = [
        migrations.AddField("decision", "batch_id", models.UUIDField(blank=True, null=True)),
        migrations.AddField("decision", "position", models.BigIntegerField(blank=True, null=True)),
        migrations.AddIndex(
            "decision", models.Index(models.F("organization"), models.F("batch_id"), name="decision_batch")
        ),
        migrations.CreateModel(
            name="DecidedTask",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tags.models.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
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
                ("task_name", models.CharField(max_length=200)),
                ("decided_at", models.DateTimeField()),
                ("waiting_since", models.DateTimeField(blank=True, null=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                ("decision", tenant_key("tags.decision", "tasks")),
                ("flow", tenant_key("tags.flow", "+")),
                ("flow_execution", tenant_key("tags.flowexecution", "+")),
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
                "db_table": "decided_task",
                "indexes": [
                    models.Index(
                        condition=models.Q(("undone_at", None)),
                        fields=["organization", "decided_at"],
                        include=("kind", "user", "flow", "task_name", "waiting_since"),
                        name="decided_task_figures",
                    ),
                    models.Index(
                        condition=models.Q(("undone_at__isnull", False)),
                        fields=["organization", "flow_execution", "task_name"],
                        name="decided_task_undone",
                    ),
                    models.Index(models.F("organization"), models.F("decision"), name="decided_task_decision"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["approve", "reject", "flag"])), name="decided_task_kind"
                    )
                ],
            },
        ),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(ISOLATION, migrations.RunSQL.noop),
        migrations.AddIndex(
            "event",
            models.Index(
                models.F("organization"),
                KeyTextTransform("tag", "data"),
                NEWEST_FIRST,
                condition=models.Q(("type__in", TAG_EVENTS)),
                name="event_of_tag",
            ),
        ),
        migrations.AddIndex(
            "event",
            models.Index(
                models.F("organization"),
                models.F("actor"),
                NEWEST_FIRST,
                condition=models.Q(("actor__startswith", "user:")),
                name="event_of_person",
            ),
        ),
        migrations.AddIndex(
            "event",
            models.Index(
                models.F("organization"),
                models.F("type"),
                NEWEST_FIRST,
                condition=models.Q(("type__in", RUN_EVENTS)),
                name="event_of_run",
            ),
        ),
    ]
