"""Two hundred hostile texts in every field, on every page: no dialog, no word of the policy, no broken layout."""

import os
import re
from typing import Any

import pytest
from playwright.sync_api import Page

from tags.models import FlowExecution, TaskExecution
from tests.browser.every_page import admin_pages, desk_pages
from tests.browser.people import forgive, log_in, open_whole
from tests.browser.test_every_page import SIZES
from tests.cast import Tenant, operation
from tests.review.hostile import CORPUS

# Of the pages of two hundred tasks, every so many is looked at in the suite.
STEP = 1 if "LONG" in os.environ else 20

# What none of our templates makes.
MADE_OF_TEXT = ", ".join(
    [
        *("iframe", "object", "embed", "marquee", "math", "base", "img[src='x']", "meta[http-equiv='refresh' i]"),
        *(f"[{handler}]" for handler in ("onerror", "onload", "onclick", "onfocus", "onmouseover", "ontoggle")),
        *(f"[{link}^='{scheme}' i]" for link in ("href", "src", "action") for scheme in ("javascript", "vbscript")),
        *(f"[{link}*='evil.example']:not(a)" for link in ("href", "src", "action")),
    ]
)


@pytest.fixture(scope="module")
def furnished(django_db_setup: None) -> tuple[Tenant, FlowExecution, list[TaskExecution]]:
    """A task for each text, which is its name, input, output, error, tag, type and metadata; the first has them all."""
    tenant = Tenant.create("<b>Acme</b>")
    execution = tenant.execution(flow_name=CORPUS[0])
    everything = {"input": CORPUS, "output": {text: text for text in CORPUS}, "error": {"traceback": "\n".join(CORPUS)}}
    tasks = [tenant.task(execution, "everything", processing_status="failed", **everything)]
    tag_all(tenant, execution, [("everything", text) for text in CORPUS])
    for text in CORPUS:
        values = {"input": {text: [text]}, "output": text, "error": {"message": text, "traceback": text}}
        tasks.append(tenant.task(execution, text, processing_status="failed", **values))
    tag_all(tenant, execution, [(text, text) for text in CORPUS], tag="requires_review")
    tag_all(tenant, execution, [(text, text) for text in CORPUS])
    for text in CORPUS[::STEP]:
        tenant.execution("task", flow_name=text)
    return tenant, execution, tasks


def tag_all(tenant: Tenant, execution: FlowExecution, texts: list[tuple[str, str]], tag: str = "") -> None:
    for start in range(0, len(texts), 100):
        operations = [
            operation("add", execution, task, tag or text, tag_type=text[:100], tag_metadata={"note": text, text: text})
            for task, text in texts[start : start + 100]
        ]
        assert tenant.api().tag(*operations).status_code == 200


def test_texts_stay_texts_and_pages_whole(
    page: Page, furnished: tuple[Tenant, FlowExecution, list[TaskExecution]], troubles: list[str]
) -> None:
    tenant, _, tasks = furnished
    trouble: dict[str, Any] = {}
    page.on("dialog", lambda dialog: (trouble.update({page.url: dialog.message}), dialog.dismiss()))
    page.on("response", lambda answer: trouble.update({answer.url: answer.status}) if answer.status >= 500 else None)
    log_in(page, tenant, "/", "admin")
    for path in paths(page, tenant, tasks):
        open_whole(page, path)
        for size in SIZES.values():
            page.set_viewport_size(size)
            if problem := look(page):
                trouble[path] = f"{size}: {problem}"
    assert trouble == {}
    forgive(troubles, "Failed to load resource")  # the forms for what the admin does not make


def paths(page: Page, tenant: Tenant, tasks: list[TaskExecution]) -> list[str]:
    here = {**desk_pages(tasks[0]), **admin_pages(tenant)}
    return [*here.values(), *pages_of_inbox(page), *(f"/tasks/{task.id}" for task in tasks[1::STEP])]


def pages_of_inbox(page: Page) -> list[str]:
    """Each page of the list, as its link to the next one leads."""
    page.goto("/")
    found = []
    while (link := re.search(r'href="(\?[^"]*cursor=[^"]+)"', page.content())) is not None:
        found.append("/" + link[1].replace("&amp;", "&"))
        page.goto(found[-1])
    assert len(found) >= 3
    return found


def look(page: Page) -> str:
    """What is wrong with the page as it stands."""
    made = page.locator(MADE_OF_TEXT).evaluate_all("found => found.map(one => one.outerHTML.slice(0, 200))")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return "".join([f"made of text: {made}; " if made else "", f"{wide} px too wide; " if wide > 0 else ""])


def test_a_text_taken_for_markup_would_show(
    page: Page, furnished: tuple[Tenant, FlowExecution, Any], troubles: list[str]
) -> None:
    """The control."""
    tenant, _, _ = furnished
    log_in(page, tenant, "/", "admin")
    page.evaluate("html => document.querySelector('main').insertAdjacentHTML('beforeend', html)", CORPUS[3])
    page.evaluate("document.querySelector('main').style.width = '3000px'")
    page.wait_for_timeout(500)
    assert "made of text" in look(page)
    assert "px too wide" in look(page)
    assert any("Content Security Policy" in trouble for trouble in troubles)
    troubles.clear()


def test_a_script_of_ours_runs_only_where_a_page_names_it(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    log_in(page, tenant, "/")
    page.evaluate(_NAME_A_SCRIPT)
    page.wait_for_function("() => window.refused")
    assert any("Content Security Policy" in trouble for trouble in troubles)
    troubles.clear()


_NAME_A_SCRIPT = """() => {
    const script = document.createElement("script");
    script.src = document.querySelector("script[src*=htmx]").src;
    script.onerror = () => { window.refused = true; };
    document.head.append(script);
}"""
