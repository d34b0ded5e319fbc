"""What the inbox reads: the tasks that wait, by the time since when they do."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0006_decisions"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="tasktag",
            index=models.Index(
                condition=models.Q(("status", "active")),
                fields=["organization", "tag", "created_at", "id"],
                name="task_tag_inbox",
            ),
        ),
    ]
