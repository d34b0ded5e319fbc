"""Organizations and the people in them."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from tags.actions.decisions import VERDICTS
from tags.db.tenancy import in_organization
from tags.errors import Conflict, Invalid, NotFound, detail
from tags.models import EventStream, Membership, Organization, Role, User
from tags.models.ids import uuid7
from tags.models.tag import TAG_LENGTH

_NAME_LENGTH = 200
# The inbox looks into an index once for each.
MOST_WAITING_TAGS = 20


def create_organization(name: str, organization_id: UUID | None = None) -> Organization:
    organization = Organization(id=organization_id or uuid7(), name=name)
    with in_organization(organization.id):
        organization.save(force_insert=True)
        EventStream.objects.create(organization=organization)
    return organization


def change_organization(organization_id: UUID, name: str, waiting_tags: Sequence[str]) -> None:
    """Rename it, and say which tags make a task wait for a person. Raises Invalid."""
    if not 0 < len(name) <= _NAME_LENGTH or "\x00" in name:
        message = _("A name has 1 to %d characters") % _NAME_LENGTH
        raise Invalid(message, [detail(("body", "name"), message, "name")])
    check_waiting_tags(waiting_tags)
    with in_organization(organization_id):
        Organization.objects.filter(id=organization_id).update(name=name, waiting_tags=list(waiting_tags))


def check_waiting_tags(tags: Sequence[str]) -> None:
    """Raises Invalid."""
    if len(tags) > MOST_WAITING_TAGS:
        message = _("At most %d tags can mean that a task waits") % MOST_WAITING_TAGS
        raise Invalid(message, [detail(("body", "waiting_tags"), message, "too_long")])
    for place, tag in enumerate(tags):
        if not 0 < len(tag) <= TAG_LENGTH or "\x00" in tag:
            message = _("A tag has 1 to %d characters") % TAG_LENGTH
            raise Invalid(message, [detail(("body", "waiting_tags", place), message, "tag")])
        if tag in VERDICTS:
            message = _("“%s” is what a decision puts on: with it as a waiting tag no task would ever be done") % tag
            raise Invalid(message, [detail(("body", "waiting_tags", place), message, "tag")])


def create_user(username: str, password: str | None = None, is_staff: bool = False) -> User:
    """A person; without a password they cannot log in until one is set (`manage.py changepassword`)."""
    return User.objects.create_user(username, password=password, is_staff=is_staff)


def add_member(organization_id: UUID, username: str, role: Role) -> Membership:
    """Make the person of this user name a member; a name that is new makes the person too, without a password.

    The answer does not tell whether the name was known. Raises Conflict if they are a member already.
    """
    user = User.objects.filter(username=username).first() or create_user(username)
    with in_organization(organization_id):
        membership, created = Membership.objects.get_or_create(
            organization_id=organization_id, user=user, defaults={"role": role}
        )
    if not created:
        raise Conflict(_("This person is a member already"))
    result: Membership = membership
    return result


def change_role(organization_id: UUID, membership_id: UUID, role: Role) -> Membership:
    """Raises NotFound, or Conflict if the organization would be left without an admin."""
    with in_organization(organization_id):
        membership = _locked_membership(organization_id, membership_id)
        if role != Role.ADMIN:
            _check_another_admin(organization_id, membership)
        membership.change(role=role)
    return membership


def remove_member(organization_id: UUID, membership_id: UUID) -> None:
    """Raises NotFound, or Conflict if the organization would be left without an admin."""
    with in_organization(organization_id):
        membership = _locked_membership(organization_id, membership_id)
        _check_another_admin(organization_id, membership)
        Membership.objects.in_organization(organization_id).filter(id=membership.id).delete()


def _locked_membership(organization_id: UUID, membership_id: UUID) -> Membership:
    """Locks all memberships of the organization, so that two admins cannot remove each other at once."""
    memberships = Membership.objects.in_organization(organization_id).select_related("user")
    locked = memberships.order_by("id").select_for_update(of=("self",))
    for membership in locked:
        if membership.id == membership_id:
            found: Membership = membership
            return found
    raise NotFound(_("Member not found"))


def _check_another_admin(organization_id: UUID, membership: Membership) -> None:
    """Caller must hold the organization's memberships."""
    admins = Membership.objects.in_organization(organization_id).filter(role=Role.ADMIN, user__is_active=True)
    if membership.role == Role.ADMIN and not admins.exclude(id=membership.id).exists():
        raise Conflict(_("An organization keeps at least one admin"))
