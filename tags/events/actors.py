"""Who an event's actor is, by name. Only of this organization: nobody learns here that somebody else exists."""

from collections.abc import Iterable
from uuid import UUID

from tags.models import Membership, ReviewRule, ServiceAccount


def parse_actor(actor: str) -> tuple[str, UUID | None]:
    """An actor's kind and id; a record's `modified_by` is a person's bare id, or a word."""
    kind, _colon, id = actor.rpartition(":")
    try:
        return kind or "user", UUID(id)
    except ValueError:
        return actor, None


def names_of(organization_id: UUID, actors: Iterable[str]) -> dict[str, str]:
    """The names of those that have one: members, rules and service accounts. Inside `in_organization`.

    Three statements, one for each kind, however many there are.
    """
    parsed = {actor: parse_actor(actor) for actor in set(actors)}
    ids: dict[str, set[UUID]] = {"user": set(), "rule": set(), "service_account": set()}
    for kind, id in parsed.values():
        if id is not None and kind in ids:
            ids[kind].add(id)
    members = Membership.objects.in_organization(organization_id).filter(user_id__in=ids["user"])
    rules = ReviewRule.objects.in_organization(organization_id).filter(id__in=ids["rule"])
    accounts = ServiceAccount.objects.in_organization(organization_id).filter(id__in=ids["service_account"])
    names: dict[tuple[str, UUID | None], str] = {
        **{("user", id): name for id, name in members.values_list("user_id", "user__username")},
        **{("rule", id): name for id, name in rules.values_list("id", "name")},
        **{("service_account", id): name for id, name in accounts.values_list("id", "name")},
    }
    return {actor: names[key] for actor, key in parsed.items() if key in names}
