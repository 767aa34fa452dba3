"""What docs/architecture.md and the decision records name exists in the code, so that these pages cannot rot."""

import re
from pathlib import Path

import pytest

from tests.references import Reference, members_of, missing, references
from tests.test_style import MEMBERS, ROOT, package_of

ARCHITECTURE = ROOT / "docs" / "architecture.md"
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = [ARCHITECTURE, ROOT / "docs" / "state_machine.md", ROOT / "CONTRIBUTING.md", *RECORDS]
HEADINGS = ["Context", "Decision", "Consequences"]
RECORD_LINES_MAX = 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_names_exist(page: Path) -> None:
    assert missing(ROOT, references(page.read_text(encoding="utf-8"))) == []


def test_what_does_not_exist_is_found() -> None:
    own = "tests/test_architecture.py"
    there = [own, f"{own}:HEADINGS", "tests/references.py:Reference.__str__", "tests/", "state_tracker/core/run.py:Run"]
    absent = [f"{own}:nothing", "tests/nothing.py", "no/", "state_tracker/core/nothing.py", "sdk/client/run.py:Run"]
    named = references(" ".join(f"`{name}`" for name in [*there, *absent]))
    assert [str(one) for one in named] == [*there, *absent]
    assert named[1] == Reference(own, "HEADINGS")
    assert missing(ROOT, named) == absent
    contract = "proto/penstock_proto/state_tracker/v1/service.proto"
    assert missing(ROOT, [Reference(contract, "Submit"), Reference(contract, "Nothing")]) == [f"{contract}:Nothing"]


def section(heading: str) -> str:
    return ARCHITECTURE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_map_has_every_member_and_every_room() -> None:
    expected = [f"{member}/" for member in MEMBERS]
    for member in set(MEMBERS) - {"proto"}:
        package = ROOT / member / package_of(member)
        rooms = [file.parent for file in package.rglob("__init__.py") if file.parent != package]
        expected += [f"{member}/{room.relative_to(package).as_posix()}/" for room in rooms]
    drawn = [one.path for one in references(section("The map").split("\n### ")[0]) if one.path.endswith("/")]
    assert sorted(drawn) == sorted(expected)


CORES = [line.split(" | ") for line in section("Pure cores").splitlines() if line.startswith("| `")]


def test_the_cores_are_six() -> None:
    assert len(CORES) == 6


@pytest.mark.parametrize("row", CORES, ids=lambda row: references(row[0])[0].name)
def test_a_core_has_the_methods_that_the_page_says(row: list[str]) -> None:
    (core,) = references(row[0])
    members = members_of(ROOT, core)
    said = re.findall(r"`(\w+)(?:\(([\w, ]*)\))?`", " ".join(row[1:]))
    assert said
    for name, arguments in said:
        assert name in members, f"{core} has no {name}"
        if arguments:
            assert members[name] == arguments.split(", "), f"{core}.{name} takes {members[name]}"


def test_every_record_is_listed() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \|", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)
    assert listed == [(record.name[:4], record.name) for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_record_is_short_and_has_its_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.match(rf"# {record.name[:4]}: \S.+\n\nStatus: (accepted|replaced by \[\d{{4}}\]\(\S+\))\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert text.count("\n") <= RECORD_LINES_MAX
