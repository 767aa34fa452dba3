"""The console's page about access, on a stack that verifies who calls: tokens, members and the audit, by role."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import SHOWN_MS, unreadable, watch
from tests.system.conftest import Served

expect.set_options(timeout=SHOWN_MS)


@pytest.fixture(scope="module")
def secure(make_data: Callable[[], Path]) -> Iterator[Served]:
    served = Served(make_data(), "--access", "--no-workers", "--http-port", "0")
    served.start()
    yield served
    served.stop()


def sign_in(page: Page, token: str) -> None:
    page.goto("/access")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("API token").fill(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Access")).to_be_visible()


def test_an_admin_gives_roles_and_tokens_and_a_member_sees_less(browser: Browser, secure: Served) -> None:
    site = secure.log().split("REST API on ")[1].split()[0].removesuffix("/v1")
    complaints: list[str] = []
    with browser.new_context(base_url=site, bypass_csp=True) as context:
        page = context.new_page()
        page.set_default_timeout(SHOWN_MS)
        watch(page, complaints)
        sign_in(page, (secure.data / "admin.token").read_text().strip())
        page.get_by_role("tab", name="Members").click()
        page.get_by_role("button", name="Give a role").click()
        page.get_by_role("combobox", name="Team").fill("vision")
        page.get_by_role("textbox", name="Who").fill("local|ada")
        page.get_by_role("button", name="Give", exact=True).click()
        member = page.get_by_role("row", name=re.compile(r"vision local\|ada launcher"))
        expect(member).to_be_visible()
        page.get_by_role("tab", name="Audit").click()
        expect(page.get_by_role("row", name=re.compile(r"role changed.*local\|ada is launcher"))).to_be_visible()
        page.get_by_role("tab", name="Tokens").click()
        page.get_by_role("button", name="Create a token").click()
        page.get_by_role("textbox", name="Name").fill("nightly")
        page.get_by_role("combobox", name="At most this role").click()
        page.get_by_role("option", name="viewer").click()
        page.get_by_role("button", name="Create", exact=True).click()
        secret = page.get_by_test_id("secret").inner_text()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("row", name=re.compile("nightly.*viewer.*never"))).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)  # it takes a moment to go
        assert unreadable(page) == []
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, secret)
        expect(page.get_by_text("an API token")).to_be_visible()
        expect(page.get_by_role("tab", name="Audit")).to_have_count(0)
    assert complaints == []
