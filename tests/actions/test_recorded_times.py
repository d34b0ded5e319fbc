"""What is recorded is dated by the database, whatever the clock of the web process says."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tags.actions.flow_executions import set_flow_execution_status
from tags.db.tenancy import in_organization
from tags.models import SYSTEM, Event, FlowExecution, FlowExecutionStatus, TaskExecution
from tests.cast import Tenant


@pytest.mark.parametrize("lie", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_lies_does_not_show(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, lie: timedelta) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + lie)
    execution = tenant.execution("extract")
    tenant.task(execution, "extract", output="another")
    set_flow_execution_status(tenant.id, SYSTEM, execution.id, FlowExecutionStatus.COMPLETED)
    with in_organization(tenant.id):
        times = [*Event.objects.values_list("time", flat=True)]
        for model in (FlowExecution, TaskExecution):
            record = model.objects.get()
            times += [record.created_at, record.updated_at]
    assert len(times) == 8
    assert all(abs(time - datetime.now(UTC)) < timedelta(hours=1) for time in times)
