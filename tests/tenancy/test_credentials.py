"""A credential is asked anew at each request: for which organization it is good, and whether it still is."""

from collections.abc import Callable
from datetime import timedelta

import jwt
import psycopg
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone

from tags.actions.credentials import issue_tokens
from tags.actions.organizations import add_member, remove_member
from tags.actions.service_accounts import create_api_key, create_service_account, revoke_api_key
from tags.api.authentication import SESSION_ORGANIZATION
from tags.db.tenancy import in_organization
from tags.models import ApiKey, Membership, Role, Scope, User
from tags.models.ids import uuid7
from tests.cast import PASSWORD, Api, Tenant
from tests.tenancy.things import Neighbour, membership_id

ME = "/api/profile/me"


@pytest.fixture
def tenant() -> Tenant:
    return Neighbour.create().tenant


@pytest.fixture
def other() -> Tenant:
    return Neighbour.create().tenant


def membership(tenant: Tenant, user: User) -> Membership:
    with in_organization(tenant.id):
        return Membership.objects.select_related("user").get(user=user)


def bearer(token: str) -> Api:
    return Api({"Authorization": f"Bearer {token}"})


def in_session(user: User, organization_id: object = None) -> Api:
    api = Api()
    api.client.force_login(user)
    session = api.client.session
    if organization_id is not None:
        session[SESSION_ORGANIZATION] = str(organization_id)
        session.save()
    return api


def in_access_token(user: User, tenant: Tenant) -> Api:
    return bearer(issue_tokens(membership(tenant, user))[0])


def in_browser(user: User, tenant: Tenant) -> Api:
    return in_session(user, tenant.id)


def refreshed(token: str) -> HttpResponse:
    return Api().post("/api/auth/token/refresh", {"refresh_token": token})


def with_password(user: User) -> dict[str, str]:
    """The body of the person's log-in."""
    user.set_password(PASSWORD)
    user.save()
    return {"username": user.username, "password": PASSWORD}


each_way = pytest.mark.parametrize("way_in", [in_access_token, in_browser])
WayIn = Callable[[User, Tenant], Api]


@each_way
def test_a_former_member_is_refused(way_in: WayIn, tenant: Tenant) -> None:
    api = way_in(tenant.viewer, tenant)
    assert api.get(ME).status_code == 200

    remove_member(tenant.id, membership_id(tenant, tenant.viewer.id))

    assert api.get(ME).status_code == 401


@each_way
def test_a_former_member_is_refused_though_a_member_elsewhere(way_in: WayIn, tenant: Tenant, other: Tenant) -> None:
    add_member(other.id, tenant.viewer.username, Role.ADMIN)
    api = way_in(tenant.viewer, tenant)

    remove_member(tenant.id, membership_id(tenant, tenant.viewer.id))

    assert api.get(ME).status_code == 401


def test_a_former_member_gets_no_new_tokens(tenant: Tenant) -> None:
    _, refresh = issue_tokens(membership(tenant, tenant.viewer))
    assert refreshed(refresh).status_code == 200

    remove_member(tenant.id, membership_id(tenant, tenant.viewer.id))

    assert refreshed(refresh).status_code == 401


@each_way
def test_a_member_of_two_organizations_works_in_the_one_of_the_credential(
    way_in: WayIn, tenant: Tenant, other: Tenant
) -> None:
    person = tenant.viewer
    add_member(other.id, person.username, Role.ADMIN)

    for organization, permissions in ((tenant, ["read"]), (other, ["administer", "correct", "ingest", "read", "tag"])):
        profile = way_in(person, organization).get(ME).json()
        assert (profile["organization"]["id"], profile["permissions"]) == (str(organization.id), permissions)
        assert {entry["id"] for entry in profile["organizations"]} == {str(tenant.id), str(other.id)}


def test_a_member_of_two_organizations_sees_the_things_of_one_at_a_time(tenant: Tenant, other: Tenant) -> None:
    person = tenant.viewer
    add_member(other.id, person.username, Role.VIEWER)
    for organization in (tenant, other):
        records = in_access_token(person, organization).get("/api/task-executions").json()["task_executions"]
        assert {record["organization_id"] for record in records} == {str(organization.id)}


def test_the_organization_of_a_log_in_is_chosen_among_ones_own(tenant: Tenant, other: Tenant) -> None:
    log_in = with_password(tenant.viewer)
    add_member(other.id, tenant.viewer.username, Role.VIEWER)

    for organization_id in (tenant.id, other.id):
        tokens = Api().post("/api/auth/token", {**log_in, "organization_id": str(organization_id)}).json()
        profile = bearer(tokens["access_token"]).get(ME).json()
        assert profile["organization"]["id"] == tokens["organization_id"] == str(organization_id)


@pytest.mark.parametrize("of_somebody", [True, False])
def test_a_session_of_an_organization_that_is_not_ones_own_is_refused(
    of_somebody: bool, tenant: Tenant, other: Tenant
) -> None:
    assert in_session(tenant.viewer, other.id if of_somebody else uuid7()).get(ME).status_code == 401


def test_a_token_signed_by_somebody_else_is_refused(tenant: Tenant, other: Tenant) -> None:
    access, _ = issue_tokens(membership(tenant, tenant.viewer))
    claims = jwt.decode(access, settings.SECRET_KEY, algorithms=["HS256"], audience=settings.JWT_AUDIENCE)

    assert bearer(jwt.encode(claims, settings.SECRET_KEY, "HS256")).get(ME).status_code == 200
    assert bearer(jwt.encode(claims, "another key " * 5, "HS256")).get(ME).status_code == 401
    assert bearer(jwt.encode(claims, None, "none")).get(ME).status_code == 401


def test_a_genuine_token_for_an_organization_without_the_person_is_refused(tenant: Tenant, other: Tenant) -> None:
    access, refresh = issue_tokens(Membership(user=tenant.viewer, organization_id=other.id))

    assert bearer(access).get(ME).status_code == 401
    assert refreshed(refresh).status_code == 401


@each_way
def test_an_inactive_person_is_refused(way_in: WayIn, tenant: Tenant) -> None:
    api = way_in(tenant.viewer, tenant)
    assert api.get(ME).status_code == 200

    User.objects.filter(id=tenant.viewer.id).update(is_active=False)

    assert api.get(ME).status_code == 401


def test_an_inactive_person_gets_no_tokens(tenant: Tenant) -> None:
    person = tenant.viewer
    log_in = with_password(person)
    _, refresh = issue_tokens(membership(tenant, person))
    assert Api().post("/api/auth/token", log_in).status_code == 200

    User.objects.filter(id=person.id).update(is_active=False)

    assert Api().post("/api/auth/token", log_in).status_code == 401
    assert refreshed(refresh).status_code == 401


@each_way
def test_a_new_password_ends_what_came_before(way_in: WayIn, tenant: Tenant) -> None:
    api = way_in(tenant.viewer, tenant)
    _, refresh = issue_tokens(membership(tenant, tenant.viewer))
    assert api.get(ME).status_code == 200

    tenant.viewer.set_password("a new password")
    tenant.viewer.save()

    assert api.get(ME).status_code == 401
    assert refreshed(refresh).status_code == 401
    assert in_access_token(tenant.viewer, tenant).get(ME).status_code == 200


@each_way
def test_another_role_holds_at_the_next_request(way_in: WayIn, tenant: Tenant) -> None:
    api = way_in(tenant.viewer, tenant)
    assert api.get("/api/members").status_code == 403

    set_role(tenant, tenant.viewer, Role.ADMIN)
    assert api.get("/api/members").status_code == 200

    set_role(tenant, tenant.viewer, Role.VIEWER)
    assert api.get("/api/members").status_code == 403


def set_role(tenant: Tenant, user: User, role: Role) -> None:
    path = f"/api/members/{membership_id(tenant, user.id)}"
    assert tenant.api("admin").patch(path, {"role": role}).status_code == 200


def test_another_role_in_one_organization_changes_nothing_in_another(tenant: Tenant, other: Tenant) -> None:
    add_member(other.id, tenant.viewer.username, Role.VIEWER)

    set_role(other, tenant.viewer, Role.ADMIN)

    assert in_access_token(tenant.viewer, tenant).get("/api/members").status_code == 403


# Programs.


def in_header(token: str) -> Api:
    return Api({"X-API-Key": token})


each_header = pytest.mark.parametrize("with_key", [in_header, bearer])
WithKey = Callable[[str], Api]


@each_header
def test_a_key_works_in_its_own_organization(with_key: WithKey, tenant: Tenant, other: Tenant) -> None:
    for organization in (tenant, other):
        profile = with_key(organization.token).get(ME).json()
        assert profile["organization"]["id"] == str(organization.id)


@each_header
def test_a_revoked_key_is_refused_at_the_next_request(with_key: WithKey, tenant: Tenant) -> None:
    account = create_service_account(tenant.id, "program", [Scope.READ], "integration")
    key, token = create_api_key(tenant.id, account.id, "key")
    _, another = create_api_key(tenant.id, account.id, "another")
    assert with_key(token).get(ME).status_code == 200

    revoke_api_key(tenant.id, account.id, key.id)

    assert with_key(token).get(ME).status_code == 401
    assert with_key(another).get(ME).status_code == 200


@each_header
def test_all_keys_of_a_revoked_account_are_refused(with_key: WithKey, tenant: Tenant) -> None:
    account = create_service_account(tenant.id, "program", [Scope.READ], "integration")
    tokens = [create_api_key(tenant.id, account.id, name)[1] for name in ("first", "second")]
    assert [with_key(token).get(ME).status_code for token in tokens] == [200, 200]

    assert tenant.api("admin").delete(f"/api/service-accounts/{account.id}").status_code == 204

    assert [with_key(token).get(ME).status_code for token in tokens] == [401, 401]


@each_header
def test_a_key_is_refused_from_its_expiry_on(with_key: WithKey, tenant: Tenant) -> None:
    account = create_service_account(tenant.id, "program", [Scope.READ], "integration")
    key, token = create_api_key(tenant.id, account.id, "key", timezone.now() + timedelta(hours=1))
    assert with_key(token).get(ME).status_code == 200

    with in_organization(tenant.id):
        ApiKey.objects.filter(id=key.id).update(expires_at=timezone.now())

    assert with_key(token).get(ME).status_code == 401


def test_scopes_that_are_taken_away_are_gone_at_the_next_request(tenant: Tenant) -> None:
    account = create_service_account(tenant.id, "program", [Scope.READ], "integration")
    api = in_header(create_api_key(tenant.id, account.id, "key")[1])
    assert api.get("/api/events").status_code == 200

    change = {"scopes": ["tag"]}
    assert tenant.api("admin").patch(f"/api/service-accounts/{account.id}", change).status_code == 200

    assert api.get("/api/events").status_code == 403


def test_all_refusals_of_a_credential_are_alike(tenant: Tenant, other: Tenant, owner: psycopg.Connection) -> None:
    """Nobody learns from the answer whether a key or a membership ever was."""
    owner.execute("UPDATE service_account SET revoked_at = now() WHERE organization_id = %s", [other.id])
    foreign, _ = issue_tokens(Membership(user=tenant.viewer, organization_id=other.id))
    nowhere, _ = issue_tokens(Membership(user=tenant.viewer, organization_id=uuid7()))

    answers = [
        api.get(ME) for api in (in_header(other.token), in_header("tagsite_x"), bearer(foreign), bearer(nowhere))
    ]

    bodies = {answer.content.decode().replace(answer["X-Request-ID"], "") for answer in answers}
    assert {answer.status_code for answer in answers} == {401}
    assert len(bodies) == 1
