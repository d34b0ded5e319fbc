"""What waits is counted by the insights from an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0018_key_holder"),
    ]

    operations = [
        migrations.RemoveIndex("tasktag", "task_tag_by_tag"),
        migrations.AddIndex(
            "tasktag",
            models.Index(
                condition=models.Q(("status", "active")),
                fields=["organization", "tag", "tag_type"],
                include=("flow_execution", "task_name", "created_at"),
                name="task_tag_by_tag",
            ),
        ),
    ]
