from django.utils import timezone

from tags.actions import decisions, flow_executions, rejections, rules, task_executions


def plant() -> None:
    """What is recorded is dated by the web process."""
    for module in (decisions, flow_executions, rejections, rules, task_executions):
        module.database_now = timezone.now
