"""docs/configuration.md says what the code says."""

from penstock_stack.configuration import page
from penstock_stack.members import services

from tests.deployment.described import ROOT, SERVERS


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_it_has_every_service_of_the_suite() -> None:
    assert {settings.service for settings in services()} == {one.command[0] for one in SERVERS.values()}
