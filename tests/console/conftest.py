"""A running stack and a browser, for all tests of the console in a process."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from penstock_console import is_built
from playwright.sync_api import Browser, Page, sync_playwright

from tests.gateway.conftest import make_data, programs, rest, rest_stack, url

__all__ = ["make_data", "programs", "rest", "rest_stack", "url"]

COMMANDS: Final = ("chromium", "chromium-browser", "google-chrome")
# It runs as root in containers, where its own sandbox does not start; and it must ask nobody for updates.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
SHOWN_MS: Final = 60_000
AXE: Final = Path(__file__).parent.parent.parent / "console/web/node_modules/axe-core/axe.min.js"
# It starts the checker once, and is true as soon as that has found something or nothing. Unlike `evaluate`, what waits
# for it ends after a time.
CHECKED: Final = """() => {
  const told = ({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`;
  window.checking ??= axe.run().then((found) => found.violations, (error) => [{ id: String(error), nodes: [] }])
    .then((violations) => { window.violations = violations.map(told); });
  return window.violations;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file: while playwright is open, an event loop runs, in which no asynchronous test can."""
    assert is_built(), "run `make console`"
    command = next(filter(None, map(shutil.which, COMMANDS)), None)
    if command is None:
        pytest.skip("no chromium is installed: `apt-get install chromium` or `brew install chromium`")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=command, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def complaints() -> list[str]:
    """What pages complained of: exceptions, dialogs, violations of the policy."""
    return []


@pytest.fixture
def page(browser: Browser, url: str, complaints: list[str]) -> Iterator[Page]:
    """A page of the console, which must complain of nothing."""
    with browser.new_context(base_url=url.removesuffix("/v1"), viewport={"width": 1360, "height": 850}) as context:
        opened = context.new_page()
        opened.set_default_timeout(SHOWN_MS)
        watch(opened, complaints)
        yield opened
    assert complaints == []


def unreadable(page: Page) -> list[str]:
    """What keeps somebody from using the page, as axe finds it; the context must bypass the policy of the pages."""
    page.add_script_tag(path=AXE)
    return page.wait_for_function(CHECKED, polling=200, timeout=SHOWN_MS).json_value()


def watch(page: Page, complaints: list[str]) -> None:
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def on_console(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", on_console)
