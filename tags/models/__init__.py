from tags.models.access import (
    SYSTEM,
    Actor,
    ApiKey,
    Membership,
    Permission,
    Role,
    Scope,
    ServiceAccount,
    Theme,
    User,
)
from tags.models.decision import DecidedTask, Decision, DecisionKind
from tags.models.event import Event, EventType
from tags.models.execution import (
    EditedStatus,
    Flow,
    FlowExecution,
    FlowExecutionStatus,
    ProcessingStatus,
    StaleStatus,
    TaskExecution,
)
from tags.models.ingest import ProducerRun, RejectedEvent
from tags.models.organization import EventStream, Organization
from tags.models.rule import ReviewRule, RuleFiring
from tags.models.saved_view import SavedView
from tags.models.seal import Seal
from tags.models.tag import TagStatus, TaskTag
from tags.models.ticket import WsTicket

__all__ = [
    "SYSTEM",
    "Actor",
    "ApiKey",
    "DecidedTask",
    "Decision",
    "DecisionKind",
    "EditedStatus",
    "Event",
    "EventStream",
    "EventType",
    "Flow",
    "FlowExecution",
    "FlowExecutionStatus",
    "Membership",
    "Organization",
    "Permission",
    "ProcessingStatus",
    "ProducerRun",
    "RejectedEvent",
    "ReviewRule",
    "Role",
    "RuleFiring",
    "SavedView",
    "Scope",
    "Seal",
    "ServiceAccount",
    "StaleStatus",
    "TagStatus",
    "TaskExecution",
    "TaskTag",
    "Theme",
    "User",
    "WsTicket",
]
