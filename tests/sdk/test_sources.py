"""Whether an operator's code changed, by its source."""

from __future__ import annotations

import linecache
from pathlib import Path

import pytest
from penstock.compiler.sources import source_hash
from penstock.declare.modules import Place

FUNCTION = "@operator(\n    retries=1,\n)\ndef add(a: int) -> int:\n    return a + 1\n\n\ndef other() -> None: ...\n"


def hash_of(folder: Path, text: str, line: int = 1) -> bytes:
    path = folder / "code.py"
    path.write_text(text)
    linecache.checkcache(str(path))
    return source_hash(Place(str(path), line))


@pytest.mark.parametrize(
    "same",
    [
        FUNCTION.replace("retries=1", "gpu=1, retries=2"),
        FUNCTION.replace("@operator", "@penstock.operator"),
        FUNCTION.replace("other", "another"),
        "\n" + FUNCTION,
        "class Outer:\n" + "".join(f"    {line}" for line in FUNCTION.splitlines(keepends=True)),
    ],
)
def test_options_and_the_place_are_no_code(tmp_path: Path, same: str) -> None:
    line = 1 + (same[0] == "\n") + same.startswith("class Outer")
    assert hash_of(tmp_path, same, line) == hash_of(tmp_path, FUNCTION) != b""


@pytest.mark.parametrize(
    "changed",
    [
        FUNCTION.replace("a + 1", "a + 2"),
        FUNCTION.replace("@operator", "@cached\n@operator"),
        FUNCTION.replace("-> int", "-> float"),
        FUNCTION.replace("def add", "def plus"),
    ],
)
def test_everything_else_is(tmp_path: Path, changed: str) -> None:
    assert hash_of(tmp_path, changed) != hash_of(tmp_path, FUNCTION)


def test_no_source_no_hash(tmp_path: Path) -> None:
    assert source_hash(Place("<stdin>", 1)) == b""
    assert hash_of(tmp_path, "operator = 3\n", 2) == b""
