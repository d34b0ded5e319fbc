"""What browsers, programs and caches are told with an answer, and what cookies are."""

import os
import subprocess
import sys

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

import tagsite.settings
from tags.models import User
from tests.cast import PASSWORD, Tenant
from tests.clients import Client
from tests.database import PROJECT
from tests.setup.test_settings import SAFE

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PATHS = ["/api/events", "/api/nowhere", "/api/docs", "/log-in", "/", "/admin/", "/healthz", "/metrics", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_tells_a_browser_to_be_careful(tenant: Tenant, path: str) -> None:
    client = Client(headers=tenant.api("viewer").headers)
    client.force_login(tenant.admin)
    answer = client.get(path)
    assert {name: answer.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize("path", PATHS)
def test_no_cache_keeps_an_answer(tenant: Tenant, path: str) -> None:
    client = Client(headers=tenant.api("viewer").headers)
    client.force_login(tenant.admin)
    assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", ["/api/events", "/api/task-tags", "/api/nowhere", "/api/docs", "/v1/traces"])
def test_a_program_is_told_what_concerns_it(tenant: Tenant, path: str) -> None:
    """Who has no cookie is no browser that shows pages; what a fetching script may do with the answer counts."""
    answer = tenant.api().get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_page_is_told_how_to_be_shown_also_to_a_program(tenant: Tenant) -> None:
    answer = tenant.api().get("/api/docs")
    assert {name: answer.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_a_program_at_another_host_name_is_turned_away(tenant: Tenant) -> None:
    for _ in range(2):
        answer = Client(headers={**tenant.api().headers, "Host": "evil.example"}).get("/api/events")
        assert answer.status_code == 400
        assert Client(headers=tenant.api().headers).get("/api/events").status_code == 200


def test_a_session_cookie_is_out_of_scripts_and_other_sites_reach(tenant: Tenant) -> None:
    client = Client()
    answer = client.post("/log-in", {"username": tenant.admin.username, "password": PASSWORD})
    session, csrf = answer.cookies["sessionid"], answer.cookies["csrftoken"]
    assert (session["httponly"], session["samesite"], session["path"], session["domain"]) == (True, "Lax", "/", "")
    assert csrf["samesite"] == "Lax"


def test_a_log_in_begins_a_new_session(tenant: Tenant) -> None:
    """A session id that somebody planted before is worth nothing after."""
    client = Client()
    client.force_login(tenant.viewer)
    planted = client.cookies["sessionid"].value
    client.post("/log-out")
    client.cookies["sessionid"] = planted
    client.post("/log-in", {"username": tenant.admin.username, "password": PASSWORD})
    assert client.cookies["sessionid"].value != planted


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_log_in_leads_to_no_other_site(tenant: Tenant, next_page: str) -> None:
    form = {"username": tenant.admin.username, "password": PASSWORD, "next": next_page}
    assert Client().post("/log-in", form)["Location"] == "/"


# What HTTPS adds, which the tests' own servers do without.

_IN_PRODUCTION = """
import django; django.setup()
from django.conf import settings
from django.test import Client
client = Client(SERVER_NAME="tagsite.example")
for headers in ({"X-API-Key": "some"}, {"Authorization": "Bearer some"}):
    plain = client.get("/api/events", headers=headers)
    secure = client.get("/api/nowhere", headers=headers, secure=True)
    print(plain.status_code, plain.get("Location"), secure.status_code, secure.get("Strict-Transport-Security"))
plain, secure = client.get("/log-in"), client.get("/log-in", secure=True)
print(plain.status_code, plain.get("Location"), secure.status_code, secure.get("Strict-Transport-Security"))
cookie = secure.cookies[settings.CSRF_COOKIE_NAME]
print(settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, cookie.key, cookie["secure"], cookie["path"])
"""


def test_in_production_everything_is_https_and_cookies_belong_to_this_host_alone() -> None:
    environment = {**os.environ, **SAFE, "DJANGO_SETTINGS_MODULE": "tagsite.settings"}
    environment.pop("HTTPS")
    done = subprocess.run(
        [sys.executable, "-c", _IN_PRODUCTION], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [
        "301 https://tagsite.example/api/events 404 max-age=31536000",
        "301 https://tagsite.example/api/events 404 max-age=31536000",
        "301 https://tagsite.example/log-in 200 max-age=31536000",
        "__Host-sessionid True __Host-csrftoken True /",
    ], done.stderr[-2000:]


def test_passwords_are_hashed_as_django_does() -> None:
    """The tests' own settings hash them faster."""
    assert not hasattr(tagsite.settings, "PASSWORD_HASHERS")


@pytest.mark.parametrize("password", ["short1!", "12345678901", "password123", "admin-name-1"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="admin-name"))
    validate_password(PASSWORD, User(username="admin-name"))
