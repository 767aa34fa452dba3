"""What docs/architecture.md and the decision records name exists in the code, so that these pages cannot rot."""

import re
from pathlib import Path

import pytest

from tests.references import Reference, missing, references

ROOT = Path(__file__).parent.parent
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = [ROOT / "docs" / "architecture.md", ROOT / "docs" / "state_machine.md", ROOT / "CONTRIBUTING.md", *RECORDS]
HEADINGS = ["Context", "Decision", "Consequences"]
RECORD_LINES_MAX = 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_names_exist(page: Path) -> None:
    assert missing(ROOT, references(page.read_text(encoding="utf-8"))) == []


def test_what_does_not_exist_is_found() -> None:
    own = "tests/test_architecture.py"
    there = [own, f"{own}:HEADINGS", "tests/references.py:Reference.__str__", "tests/"]
    named = references(" ".join(f"`{name}`" for name in [*there, f"{own}:nothing", "tests/nothing.py", "no/"]))
    assert len(named) == 7
    assert named[1] == Reference(own, "HEADINGS")
    assert missing(ROOT, named) == [f"{own}:nothing", "tests/nothing.py", "no/"]
    contract = "proto/penstock_proto/state_tracker/v1/service.proto"
    assert missing(ROOT, [Reference(contract, "Submit"), Reference(contract, "Nothing")]) == [f"{contract}:Nothing"]


def test_every_record_is_listed() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \|", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)
    assert listed == [(record.name[:4], record.name) for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_record_is_short_and_has_its_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.match(rf"# {record.name[:4]}: \S.+\n\nStatus: (accepted|replaced by \[\d{{4}}\]\(\S+\))\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert text.count("\n") <= RECORD_LINES_MAX
