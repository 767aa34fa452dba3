"""What is made from code and committed is current."""

from pathlib import Path

from penstock_observability.dashboards.__main__ import files
from penstock_observability.reference import declared, updated

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "observability.md"
BOARDS = ROOT / "observability" / "dashboards"


def test_the_table_of_metrics_is_current() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == updated(document)
    assert all(f"`{one.name}`" in document for one in declared())


def test_dashboards_are_current() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in BOARDS.glob("*.json")} == files()
