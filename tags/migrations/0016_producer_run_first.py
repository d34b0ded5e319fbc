from django.db import migrations

# Ingest writes a run and its flow execution in one transaction, the run first: its row is the first lock.
LATER = """
    ALTER TABLE producer_run ALTER CONSTRAINT producer_run_flow_execution DEFERRABLE INITIALLY DEFERRED
"""
AT_ONCE = """
    ALTER TABLE producer_run ALTER CONSTRAINT producer_run_flow_execution NOT DEFERRABLE
"""


class Migration(migrations.Migration):
    dependencies = [("tags", "0015_caller")]

    operations = [migrations.RunSQL(LATER, AT_ONCE)]
