"""Who did something, in words. Only of this organization: nobody learns here that somebody else exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from tags.actions.credentials import Caller
from tags.models import Membership, ReviewRule, ServiceAccount


@dataclass(frozen=True, slots=True)
class Who:
    """`kind` is one of you, person, rule, program, system."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name


def people(caller: Caller, actors: Iterable[str]) -> dict[str, Who]:
    """Everybody among these: events' actors (`kind:id`), or the `modified_by` of records. Inside `in_organization`.

    Three statements at most, one for each kind of actor that has names.
    """
    wanted = set(actors)
    ids: dict[str, set[UUID]] = {"user": set(), "rule": set(), "service_account": set()}
    for actor in wanted:
        kind, id = _parsed(actor)
        if id is not None and kind in ids:
            ids[kind].add(id)
    organization_id = caller.organization_id
    members = Membership.objects.in_organization(organization_id).filter(user_id__in=ids["user"])
    rules = ReviewRule.objects.in_organization(organization_id).filter(id__in=ids["rule"])
    accounts = ServiceAccount.objects.in_organization(organization_id).filter(id__in=ids["service_account"])
    names: dict[str, dict[UUID, str]] = {
        "user": dict(members.values_list("user_id", "user__username")),
        "rule": dict(rules.values_list("id", "name")),
        "service_account": dict(accounts.values_list("id", "name")),
    }
    return {actor: _who(caller, actor, names) for actor in wanted}


def _parsed(actor: str) -> tuple[str, UUID | None]:
    """An actor's kind and id; a record's `modified_by` is a person's bare id, or a word."""
    kind, _colon, id = actor.rpartition(":")
    try:
        return kind or "user", UUID(id)
    except ValueError:
        return actor, None


def _who(caller: Caller, actor: str, names: dict[str, dict[UUID, str]]) -> Who:
    kind, id = _parsed(actor)
    if id is None:
        return _of_word(actor)
    if kind == "user" and caller.user is not None and id == caller.user.id:
        return Who("you", _("you"))
    name = names.get(kind, {}).get(id)
    if kind == "user":
        return Who("person", name or _("a former member"))
    if kind == "rule":
        return Who("rule", _("rule “%(name)s”") % {"name": name} if name else _("a rule"))
    return Who("program", name or _("a program"))


def _of_word(word: str) -> Who:
    if word == "system":
        return Who("system", "Tagsite")
    return Who("rule", _("a rule")) if word == "rule" else Who("program", word)
