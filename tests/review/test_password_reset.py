"""A forgotten password, by a mail over a real socket."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from queue import Empty
from typing import Any

import environ
import pytest
from django.core.cache import cache

from tags.actions import people
from tags.actions.organizations import create_user
from tags.api.tokens import LoginThrottle
from tags.models import Theme
from tags.models.ids import uuid7
from tests.cast import PASSWORD, Tenant
from tests.clients import Client
from tests.review import mail_server
from tests.review.mail_server import MailServer
from tests.review.pages import browser

NEW = "another horse battery staple"
SOON = 10


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    cache.clear()
    with mail_server.running() as server:
        settings.SENDS_MAIL = True
        for name, value in environ.Env.email_url_config(server.url).items():
            setattr(settings, name, value)
        yield server


@pytest.fixture
def email(tenant: Tenant) -> str:
    email = f"{uuid7()}@tagsite.example"
    people.change_email(tenant.reviewer.id, email)
    return email


def ask(email: str) -> tuple[int, str, bytes]:
    answer = Client().post("/password", {"email": email})
    return answer.status_code, answer.get("Location", ""), answer.content


def link(mail: EmailMessage) -> str:
    found = re.search(r"http://testserver(/password/\S+)", mail.get_content())
    assert found is not None
    return found[1]


def set_password(link: str, password: str = NEW) -> int:
    client = Client()
    form = client.get(link, follow=True)
    path = form.redirect_chain[-1][0] if form.redirect_chain else link
    return client.post(path, {"new_password1": password, "new_password2": password}).status_code


def test_the_link_of_the_mail_sets_a_new_password_once_and_ends_all_sessions(
    tenant: Tenant, mails: MailServer, email: str
) -> None:
    elsewhere = browser(tenant)
    assert ask(email.upper())[:2] == (302, "/password/sent")
    mail = mails.mails.get(timeout=SOON)
    assert mail["To"] == email
    assert tenant.reviewer.username in mail.get_content()
    assert set_password(link(mail)) == 302
    assert elsewhere.get("/account").status_code == 302
    assert Client().login(username=tenant.reviewer.username, password=NEW)
    assert set_password(link(mail), PASSWORD) == 200  # it says that the link works no more
    assert not Client().login(username=tenant.reviewer.username, password=PASSWORD)


def test_nobody_learns_whether_there_is_an_account(tenant: Tenant, mails: MailServer, email: str) -> None:
    answers = {ask(email), ask("nobody@tagsite.example"), ask(f"x{email}")}
    assert answers == {(302, "/password/sent", b"")}
    assert mails.mails.get(timeout=SOON)["To"] == email
    with pytest.raises(Empty):
        mails.mails.get(timeout=0.2)


def test_one_who_never_had_a_password_sets_the_first_in_their_own_language(mails: MailServer) -> None:
    user = create_user(f"person-{uuid7()}")
    people.change_email(user.id, f"{user.id}@tagsite.example")
    people.change_preferences(user.id, "de", "", Theme.SYSTEM)
    ask(f"{user.id}@tagsite.example")
    mail = mails.mails.get(timeout=SOON)
    assert mail["Subject"] == "Ein neues Passwort für Tagsite"
    assert set_password(link(mail)) == 302
    assert Client().login(username=user.username, password=NEW)


def test_no_mail_box_is_flooded_and_no_address_may_guess(
    mails: MailServer, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {ask(email) for _ in range(5)} == {(302, "/password/sent", b"")}
    for _ in range(3):
        mails.mails.get(timeout=SOON)
    with pytest.raises(Empty):
        mails.mails.get(timeout=0.2)
    monkeypatch.setattr(LoginThrottle, "rate", "5/min")
    assert ask("nobody@tagsite.example")[0] == 429


def test_without_mail_it_says_whom_to_ask(settings: Any, tenant: Tenant, email: str) -> None:
    settings.SENDS_MAIL = False
    for page in (Client().get("/password"), Client().post("/password", {"email": email})):
        assert "manage.py changepassword" in page.content.decode()
