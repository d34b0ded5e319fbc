"""Who did something, in words. Only of this organization: nobody learns here that somebody else exists."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.db.tenancy import in_organization
from tags.events.actors import names_of, parse_actor
from tags.review.access import page_of

_LONGEST_ACTOR = 200


@dataclass(frozen=True, slots=True)
class Who:
    """`kind` is one of you, person, rule, program, system."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name


@require_safe
@page_of()
def name_of(request: HttpRequest, caller: Caller) -> JsonResponse:
    """`/people?actor=`: what the desk calls an event's actor, for a page that hears of them live."""
    actor = request.GET.get("actor", "")[:_LONGEST_ACTOR]
    with in_organization(caller.organization_id):
        return JsonResponse({"name": str(people(caller, [actor])[actor])})


def people(caller: Caller, actors: Iterable[str]) -> dict[str, Who]:
    """Everybody among these: events' actors (`kind:id`), or the `modified_by` of records. Inside `in_organization`.

    Three statements at most, one for each kind of actor that has names.
    """
    wanted = set(actors)
    names = names_of(caller.organization_id, wanted)
    return {actor: _who(caller, actor, names.get(actor)) for actor in wanted}


def _who(caller: Caller, actor: str, name: str | None) -> Who:
    kind, id = parse_actor(actor)
    if id is None:
        return _of_word(actor)
    if kind == "user" and caller.user is not None and id == caller.user.id:
        return Who("you", _("you"))
    if kind == "user":
        return Who("person", name or _("a former member"))
    if kind == "rule":
        return Who("rule", _("rule “%(name)s”") % {"name": name} if name else _("a rule"))
    return Who("program", name or _("a program"))


def _of_word(word: str) -> Who:
    if word == "system":
        return Who("system", "Tagsite")
    return Who("rule", _("a rule")) if word == "rule" else Who("program", word)
