"""The words for tables and columns that the admin shows, marked for translation; no SQL comes of it."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import tags.models.tenant


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0016_producer_run_first"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apikey",
            options={"verbose_name": "API key", "verbose_name_plural": "API keys"},
        ),
        migrations.AlterModelOptions(
            name="decidedtask",
            options={"verbose_name": "decided task", "verbose_name_plural": "decided tasks"},
        ),
        migrations.AlterModelOptions(
            name="decision",
            options={"verbose_name": "decision", "verbose_name_plural": "decisions"},
        ),
        migrations.AlterModelOptions(
            name="event",
            options={"verbose_name": "event", "verbose_name_plural": "events"},
        ),
        migrations.AlterModelOptions(
            name="flow",
            options={"verbose_name": "flow", "verbose_name_plural": "flows"},
        ),
        migrations.AlterModelOptions(
            name="flowexecution",
            options={"verbose_name": "flow execution", "verbose_name_plural": "flow executions"},
        ),
        migrations.AlterModelOptions(
            name="membership",
            options={"verbose_name": "membership", "verbose_name_plural": "memberships"},
        ),
        migrations.AlterModelOptions(
            name="organization",
            options={"verbose_name": "organization", "verbose_name_plural": "organizations"},
        ),
        migrations.AlterModelOptions(
            name="producerrun",
            options={"verbose_name": "producer run", "verbose_name_plural": "producer runs"},
        ),
        migrations.AlterModelOptions(
            name="rejectedevent",
            options={"verbose_name": "rejected event", "verbose_name_plural": "rejected events"},
        ),
        migrations.AlterModelOptions(
            name="reviewrule",
            options={"verbose_name": "review rule", "verbose_name_plural": "review rules"},
        ),
        migrations.AlterModelOptions(
            name="rulefiring",
            options={"verbose_name": "rule firing", "verbose_name_plural": "rule firings"},
        ),
        migrations.AlterModelOptions(
            name="savedview",
            options={"verbose_name": "saved view", "verbose_name_plural": "saved views"},
        ),
        migrations.AlterModelOptions(
            name="seal",
            options={"verbose_name": "seal", "verbose_name_plural": "seals"},
        ),
        migrations.AlterModelOptions(
            name="serviceaccount",
            options={"verbose_name": "service account", "verbose_name_plural": "service accounts"},
        ),
        migrations.AlterModelOptions(
            name="taskexecution",
            options={"verbose_name": "task execution", "verbose_name_plural": "task executions"},
        ),
        migrations.AlterModelOptions(
            name="tasktag",
            options={"verbose_name": "task tag", "verbose_name_plural": "task tags"},
        ),
        migrations.AlterField(
            model_name="apikey",
            name="name",
            field=models.CharField(max_length=200, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="revoked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="revoked"),
        ),
        migrations.AlterField(
            model_name="decidedtask",
            name="kind",
            field=models.CharField(
                choices=[
                    ("approve", "Approve"),
                    ("reject", "Reject"),
                    ("flag", "Flag"),
                    ("tag", "Change tags"),
                    ("undo", "Undo"),
                ],
                max_length=20,
                verbose_name="decision",
            ),
        ),
        migrations.AlterField(
            model_name="decidedtask",
            name="task_name",
            field=models.CharField(max_length=200, verbose_name="task name"),
        ),
        migrations.AlterField(
            model_name="decision",
            name="group_id",
            field=models.UUIDField(verbose_name="decided together"),
        ),
        migrations.AlterField(
            model_name="decision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("approve", "Approve"),
                    ("reject", "Reject"),
                    ("flag", "Flag"),
                    ("tag", "Change tags"),
                    ("undo", "Undo"),
                ],
                max_length=20,
                verbose_name="decision",
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="note",
            field=models.TextField(blank=True, verbose_name="note"),
        ),
        migrations.AlterField(
            model_name="decision",
            name="undoes",
            field=models.UUIDField(blank=True, null=True, verbose_name="takes back"),
        ),
        migrations.AlterField(
            model_name="decision",
            name="undone_by",
            field=models.UUIDField(blank=True, null=True, verbose_name="taken back by"),
        ),
        migrations.AlterField(
            model_name="event",
            name="actor",
            field=models.CharField(max_length=100, verbose_name="actor"),
        ),
        migrations.AlterField(
            model_name="event",
            name="batch_id",
            field=models.UUIDField(verbose_name="batch"),
        ),
        migrations.AlterField(
            model_name="event",
            name="position",
            field=models.BigIntegerField(verbose_name="position"),
        ),
        migrations.AlterField(
            model_name="event",
            name="request_id",
            field=models.CharField(max_length=64, verbose_name="request"),
        ),
        migrations.AlterField(
            model_name="event",
            name="task_name",
            field=models.CharField(blank=True, max_length=200, verbose_name="task name"),
        ),
        migrations.AlterField(
            model_name="event",
            name="type",
            field=models.CharField(
                choices=[
                    ("task_tag.added", "Tag added"),
                    ("task_tag.removed", "Tag removed"),
                    ("task_execution.created", "Task execution reported"),
                    ("task_execution.updated", "Task execution changed"),
                    ("flow_execution.created", "Flow execution created"),
                    ("flow_execution.updated", "Flow execution changed"),
                    ("flow_execution.deleted", "Flow execution deleted"),
                ],
                max_length=50,
                verbose_name="type",
            ),
        ),
        migrations.AlterField(
            model_name="flow",
            name="name",
            field=models.CharField(
                max_length=200, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="name"
            ),
        ),
        migrations.AlterField(
            model_name="flowexecution",
            name="flow_version",
            field=models.IntegerField(default=1, verbose_name="version"),
        ),
        migrations.AlterField(
            model_name="flowexecution",
            name="status",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                    ("deleted", "Deleted"),
                    ("stale", "Stale"),
                    ("edited", "Edited"),
                    ("awaiting_input", "Awaiting Input"),
                    ("cancel_requested", "Cancel Requested"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=20,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[("viewer", "Viewer"), ("reviewer", "Reviewer"), ("admin", "Admin")],
                max_length=20,
                verbose_name="role",
            ),
        ),
        migrations.AlterField(
            model_name="organization",
            name="name",
            field=models.CharField(max_length=200, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="producerrun",
            name="flow_execution",
            field=tags.models.tenant.TenantKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tags.flowexecution",
                verbose_name="flow execution",
            ),
        ),
        migrations.AlterField(
            model_name="producerrun",
            name="run_id",
            field=models.UUIDField(verbose_name="id at its producer"),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="code",
            field=models.CharField(max_length=50, verbose_name="code"),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="reason",
            field=models.TextField(verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="request_id",
            field=models.CharField(max_length=64, verbose_name="request"),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="source",
            field=models.CharField(
                choices=[("openlineage", "OpenLineage"), ("otlp", "OpenTelemetry")],
                max_length=20,
                verbose_name="source",
            ),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="taken_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="taken"),
        ),
        migrations.AlterField(
            model_name="reviewrule",
            name="is_active",
            field=models.BooleanField(default=True, verbose_name="active"),
        ),
        migrations.AlterField(
            model_name="reviewrule",
            name="name",
            field=models.CharField(
                max_length=200, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="name"
            ),
        ),
        migrations.AlterField(
            model_name="rulefiring",
            name="taken_back",
            field=models.BooleanField(default=False, verbose_name="taken back"),
        ),
        migrations.AlterField(
            model_name="savedview",
            name="is_shared",
            field=models.BooleanField(default=False, verbose_name="shared"),
        ),
        migrations.AlterField(
            model_name="savedview",
            name="name",
            field=models.CharField(max_length=60, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="savedview",
            name="query",
            field=models.CharField(blank=True, max_length=4000, verbose_name="filter"),
        ),
        migrations.AlterField(
            model_name="seal",
            name="first",
            field=models.BigIntegerField(verbose_name="first position"),
        ),
        migrations.AlterField(
            model_name="seal",
            name="position",
            field=models.BigIntegerField(verbose_name="last position"),
        ),
        migrations.AlterField(
            model_name="serviceaccount",
            name="kind",
            field=models.CharField(default="integration", max_length=50, verbose_name="kind"),
        ),
        migrations.AlterField(
            model_name="serviceaccount",
            name="name",
            field=models.CharField(max_length=200, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="serviceaccount",
            name="revoked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="revoked"),
        ),
        migrations.AlterField(
            model_name="taskexecution",
            name="credits",
            field=models.IntegerField(blank=True, null=True, verbose_name="credits"),
        ),
        migrations.AlterField(
            model_name="taskexecution",
            name="edited_status",
            field=models.CharField(
                choices=[
                    ("not_edited", "Not corrected"),
                    ("edited_not_reexecuted", "Corrected, not run again"),
                    ("edited_reexecuted", "Corrected, then run again"),
                ],
                default="not_edited",
                max_length=30,
            ),
        ),
        migrations.AlterField(
            model_name="taskexecution",
            name="processing_status",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                    ("deleted", "Deleted"),
                    ("awaiting_input", "Awaiting Input"),
                    ("cancel_requested", "Cancel Requested"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=20,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="taskexecution",
            name="task_execution_idx",
            field=models.IntegerField(verbose_name="task execution idx"),
        ),
        migrations.AlterField(
            model_name="taskexecution",
            name="task_name",
            field=models.CharField(
                max_length=200, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="task name"
            ),
        ),
        migrations.AlterField(
            model_name="tasktag",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("deleted", "Removed")],
                default="active",
                max_length=20,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="tasktag",
            name="tag",
            field=models.CharField(
                max_length=200, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="tag"
            ),
        ),
        migrations.AlterField(
            model_name="tasktag",
            name="tag_type",
            field=models.CharField(
                max_length=100, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="tag type"
            ),
        ),
        migrations.AlterField(
            model_name="tasktag",
            name="task_name",
            field=models.CharField(
                max_length=200, validators=[django.core.validators.MinLengthValidator(1)], verbose_name="task name"
            ),
        ),
    ]
