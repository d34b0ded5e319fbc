"""How values look in the admin: JSON, times, statuses, and who did it."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.contrib.admin import display
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from tags.db import exact_json
from tags.events.actors import names_of, parse_actor
from tags.models import Flow, FlowExecution

# Characters of a value on its page; the desk shows the whole.
_MOST_SHOWN = 100_000
NOTHING = "–"  # noqa: RUF001  # a dash, as people set it
_LOOKS = {
    **dict.fromkeys(("completed", "active", "approve"), "good"),
    **dict.fromkeys(("failed", "reject", "cancelled"), "problem"),
    **dict.fromkeys(("awaiting_input", "stale", "flag", "edited", "edited_not_reexecuted"), "waiting"),
}


def pretty(value: Any) -> str:
    return msgspec.json.format(exact_json.dumps(value), indent=2)


def json_block(value: Any) -> str:
    if value is None:
        return NOTHING
    text = pretty(value)
    cut = _("… cut: this is the beginning of a long value") if len(text) > _MOST_SHOWN else ""
    # It scrolls, so it must be reached by the keyboard (WCAG 2.2, 2.1.1).
    return format_html('<pre class="json" tabindex="0">{}{}</pre>', text[:_MOST_SHOWN], cut)


def badge(value: str, words: Any) -> str:
    return format_html('<span class="badge {}">{}</span>', _LOOKS.get(value, "quiet"), words)


def icon(is_so: bool) -> str:
    image = static(f"admin/img/icon-{'yes' if is_so else 'no'}.svg")
    return format_html('<img src="{}" alt="{}">', image, _("Yes") if is_so else _("No"))


def link(path: str, words: Any) -> str:
    return format_html('<a href="{}">{}</a>', path, words)


def list_link(model: str, words: Any, **chosen: Any) -> str:
    """To the list of a model's rows, filtered."""
    path = reverse(f"admin:tags_{model}_changelist")
    return link(f"{path}?{urlencode(chosen)}", words)


def object_link(model: str, id: UUID, words: Any) -> str:
    return link(reverse(f"admin:tags_{model}_change", args=[id]), words)


# Columns and fields, by the name of what they show.


def json_field(name: str, words: Any) -> Any:
    @display(description=words)
    def shown(row: Any) -> str:
        return json_block(getattr(row, name))

    return shown


def status(name: str, words: Any) -> Any:
    """Of a column with choices."""

    @display(description=words)
    def shown(row: Any) -> str:
        return badge(getattr(row, name), getattr(row, f"get_{name}_display")())

    return shown


def yes_or_no(name: str, words: Any, order: str | None = None) -> Any:
    """Django's own icon says True or False, in English, to who does not see it."""

    @display(description=words, ordering=order)
    def shown(row: Any) -> str:
        return icon(getattr(row, name))

    return shown


def moment(name: str, words: Any, order: str | None = None) -> Any:
    """To the second, and so that times stand below each other."""

    @display(description=words, ordering=order)
    def shown(row: Any) -> str:
        time = getattr(row, name)
        if time is None:
            return NOTHING
        return format_html('<span class="time">{}</span>', f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S}")

    return shown


@display(description=_("id"))
def own_id(row: Any) -> str:
    return str(row.pk)


@display(description=_("by"))
def who(row: Any) -> str:
    """Of rows for which `put_names` was called."""
    return str(row.who)


@display(description=_("flow"))
def flow(row: Any) -> str:
    """Of rows for which `put_flows` was called."""
    return str(row.flow_name)


def put_names(organization_id: UUID, rows: Sequence[Any], attribute: str) -> None:
    """`who` on each row: the name of the actor in that attribute."""
    names = names_of(organization_id, (getattr(row, attribute) for row in rows))
    for row in rows:
        actor = getattr(row, attribute)
        row.who = names.get(actor) or _unnamed(actor)


def _unnamed(actor: str) -> Any:
    kind, id = parse_actor(actor)
    if id is None:
        return {"system": "Tagsite", "rule": _("a rule")}.get(actor, actor)
    return {"user": _("a former member"), "rule": _("a deleted rule")}.get(kind, _("a program"))


def put_flows(organization_id: UUID, rows: Iterable[Any]) -> None:
    """`flow_name` on each row of a flow execution; two statements.

    Each names the organization: a join would find a flow by its id alone, which another tenant may use too.
    """
    rows = list(rows)
    executions = FlowExecution.objects.in_organization(organization_id).filter(
        id__in={row.flow_execution_id for row in rows}
    )
    flows = dict(executions.values_list("id", "flow_id"))
    found = Flow.objects.in_organization(organization_id).filter(id__in=set(flows.values()))
    names = dict(found.values_list("id", "name"))
    for row in rows:
        row.flow_name = names.get(flows.get(row.flow_execution_id), NOTHING)
