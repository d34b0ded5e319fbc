from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tags", "0007_inbox"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("organization"),
                models.F("flow_execution"),
                models.F("task_name"),
                models.OrderBy(models.F("position"), descending=True),
                name="event_of_task",
            ),
        ),
    ]
