"""The tag of an event as a column: under row-level security no index over an expression of `data` is used."""

from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform

TAG_EVENTS = ["task_tag.added", "task_tag.removed"]


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0012_newest_flow_executions"),
    ]

    operations = [
        migrations.RemoveIndex("event", "event_of_tag"),
        migrations.AddField(
            "event",
            "tag",
            models.GeneratedField(
                db_persist=True,
                expression=models.Case(models.When(then=KeyTextTransform("tag", "data"), type__in=TAG_EVENTS)),
                output_field=models.TextField(null=True),
            ),
        ),
        migrations.AddIndex(
            "event",
            models.Index(
                models.F("organization"),
                models.F("tag"),
                models.OrderBy(models.F("position"), descending=True),
                condition=models.Q(("tag__isnull", False)),
                name="event_of_tag",
            ),
        ),
    ]
