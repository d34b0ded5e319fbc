"""/api/auth/token and its refresh; and which JSON web tokens open the API."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpResponse

from tags.api.tokens import LoginThrottle
from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID, bad_request, invalid, places, refused, unknown_credential
from tests.cast import PASSWORD, Api, Tenant

PATH = "/api/auth/token"
REFRESH = "/api/auth/token/refresh"
ANONYMOUS = Api()


def log_in(user: AbstractBaseUser, **body: Any) -> HttpResponse:
    return ANONYMOUS.post(PATH, {"username": user.get_username(), "password": PASSWORD, **body})


def tokens(tenant: Tenant) -> dict[str, Any]:
    response = log_in(tenant.reviewer)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def profile(token: str) -> HttpResponse:
    return Api({"Authorization": f"Bearer {token}"}).get("/api/profile/me")


def test_a_user_name_and_a_password_give_tokens(tenant: Tenant) -> None:
    found = tokens(tenant)
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 3600
    assert found["organization_id"] == str(tenant.id)
    assert profile(found["access_token"]).json()["username"] == tenant.reviewer.username


def test_the_access_token_lasts_an_hour_and_names_the_user_and_the_organization(tenant: Tenant) -> None:
    claims = jwt.decode(tokens(tenant)["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    assert (claims["sub"], claims["org"]) == (str(tenant.reviewer.id), str(tenant.id))


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"username": f"nobody-{UNKNOWN_ID}"}])
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(tenant: Tenant, body: dict[str, str]) -> None:
    error = unknown_credential(log_in(tenant.reviewer, **body))
    assert error == {
        "message": "The user name or the password is not right",
        "code": "user_info_not_found",
        "details": None,
    }


def test_a_person_who_is_not_active_cannot_log_in(tenant: Tenant) -> None:
    tenant.reviewer.is_active = False
    tenant.reviewer.save()
    unknown_credential(log_in(tenant.reviewer))


def test_a_person_of_several_organizations_chooses_one(tenant: Tenant, neighbour: Tenant) -> None:
    body = {"username": tenant.reviewer.username, "role": "viewer"}
    assert neighbour.api("admin").post("/api/members", body).status_code == 201
    assert log_in(tenant.reviewer).json()["organization_id"] == str(tenant.id)
    response = log_in(tenant.reviewer, organization_id=str(neighbour.id))
    assert response.json()["organization_id"] == str(neighbour.id)
    assert profile(response.json()["access_token"]).json()["permissions"] == ["read"]


@pytest.mark.parametrize("whose", ["nobody's", "the neighbour's"])
def test_a_person_cannot_choose_an_organization_they_are_not_in(tenant: Tenant, neighbour: Tenant, whose: str) -> None:
    chosen = UNKNOWN_ID if whose == "nobody's" else str(neighbour.id)
    unknown_credential(log_in(tenant.reviewer, organization_id=chosen))


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_missing_field_is_not_understood(field: str) -> None:
    body = {"username": "ada", "password": "secret"}
    del body[field]
    assert places(bad_request(ANONYMOUS.post(PATH, body))) == [["body", field]]


@pytest.mark.parametrize("value", ["", "x" * 4097, 7, None])
def test_a_password_out_of_bounds_is_refused_without_repeating_it(value: Any) -> None:
    response = ANONYMOUS.post(PATH, {"username": "ada", "password": value})
    assert places(invalid(response)) == [["body", "password"]]
    assert b"xxx" not in response.content


def test_a_log_in_ignores_another_credential_that_is_bad(tenant: Tenant) -> None:
    api = Api({"X-API-Key": "nonsense"})
    body = {"username": tenant.reviewer.username, "password": PASSWORD}
    assert api.post(PATH, body).status_code == 200


# Refresh


def test_a_refresh_token_gives_new_tokens(tenant: Tenant) -> None:
    first = tokens(tenant)
    response = ANONYMOUS.post(REFRESH, {"refresh_token": first["refresh_token"]})
    assert response.status_code == 200
    second = response.json()
    assert second["access_token"] != first["access_token"]
    assert profile(second["access_token"]).status_code == 200


def test_an_access_token_does_not_refresh(tenant: Tenant) -> None:
    unknown_credential(ANONYMOUS.post(REFRESH, {"refresh_token": tokens(tenant)["access_token"]}))


def test_a_refresh_token_opens_nothing(tenant: Tenant) -> None:
    unknown_credential(profile(tokens(tenant)["refresh_token"]))


def test_a_removed_member_does_not_refresh(tenant: Tenant) -> None:
    refresh = tokens(tenant)["refresh_token"]
    members = tenant.api("admin").get("/api/members").json()["members"]
    (membership,) = [entry for entry in members if entry["role"] == "reviewer"]
    tenant.api("admin").delete(f"/api/members/{membership['id']}")
    unknown_credential(ANONYMOUS.post(REFRESH, {"refresh_token": refresh}))


# Which tokens open the API


def forged(tenant: Tenant, key: str | None = None, algorithm: str = "HS256", **changes: Any) -> str:
    """A genuine access token's claims, some of them changed (None: left out), signed again."""
    claims = jwt.decode(tokens(tenant)["access_token"], options={"verify_signature": False})
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, settings.SECRET_KEY if key is None else key, algorithm=algorithm)


def test_the_forger_makes_good_tokens_when_it_changes_nothing(tenant: Tenant) -> None:
    assert profile(forged(tenant)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1_700_000_000},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"aud": "another"},
        {"iss": "another"},
        {"use": "refresh"},
        {"use": "anything"},
        {"pwd": "0" * 16},
        {"org": UNKNOWN_ID},
        {"sub": UNKNOWN_ID},
        {"key": "x" * 64},
        {"algorithm": "HS512"},
        {"algorithm": "HS384"},
        {"exp": None},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"org": None},
        {"use": None},
        {"pwd": None},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_a_token_that_is_not_exactly_ours_opens_nothing(tenant: Tenant, change: dict[str, Any]) -> None:
    unknown_credential(profile(forged(tenant, **change)))


def test_a_token_of_a_neighbour_that_names_this_organization_opens_nothing(tenant: Tenant, neighbour: Tenant) -> None:
    unknown_credential(profile(forged(tenant, org=str(neighbour.id))))


def test_a_token_ends_with_its_second(tenant: Tenant) -> None:
    token = forged(tenant, exp=int(time.time()) - 1)
    unknown_credential(profile(token))


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_the_algorithm_none_opens_nothing(tenant: Tenant) -> None:
    claims = jwt.decode(tokens(tenant)["access_token"], options={"verify_signature": False})
    for algorithm in ("none", "None", "NONE", ""):
        unknown_credential(profile(f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims)}."))


def test_a_token_with_another_payload_under_the_same_signature_opens_nothing(tenant: Tenant) -> None:
    header, payload, signature = tokens(tenant)["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    unknown_credential(profile(f"{header}.{encoded({**claims, 'sub': str(uuid7())})}.{signature}"))


DEEP = base64.urlsafe_b64encode(b"[" * 2000).decode()


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "x" * 3000, "é", f"{DEEP}.e30.x", f"{encoded([])}.e30.x", f"{encoded({'alg': []})}.e30.x"],
    ids=range(9),
)
def test_what_is_no_token_opens_nothing(token: str) -> None:
    unknown_credential(profile(token))
    if token:
        unknown_credential(ANONYMOUS.post(REFRESH, {"refresh_token": token}))


def test_a_new_password_ends_all_earlier_tokens(tenant: Tenant) -> None:
    found = tokens(tenant)
    tenant.reviewer.set_password("another battery")
    tenant.reviewer.save()
    unknown_credential(profile(found["access_token"]))
    unknown_credential(ANONYMOUS.post(REFRESH, {"refresh_token": found["refresh_token"]}))


# Throttling


@pytest.fixture
def _three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(LoginThrottle, "rate", "3/min")


@pytest.mark.usefixtures("_three_a_minute")
def test_too_many_attempts_are_told_to_wait(tenant: Tenant) -> None:
    for _ in range(3):
        unknown_credential(log_in(tenant.reviewer, password="wrong"))
    response = log_in(tenant.reviewer)
    refused(response, 429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 60


@pytest.mark.usefixtures("_three_a_minute")
def test_a_forwarded_address_that_anybody_can_write_does_not_help(tenant: Tenant) -> None:
    for number in range(4):
        api = Api({"X-Forwarded-For": f"203.0.113.{number}"})
        response = api.post(PATH, {"username": tenant.reviewer.username, "password": "wrong"})
    refused(response, 429, "rate_limited")


@pytest.mark.usefixtures("_three_a_minute")
def test_the_wait_is_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoginThrottle, "wait", lambda self: 0.4)
    for _ in range(4):
        response = ANONYMOUS.post(PATH, {"username": "ada", "password": "wrong"})
    assert response["Retry-After"] == "1"
