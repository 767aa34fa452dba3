"""A relative path on the command line is the caller's file, or is refused with the type to use."""

from pathlib import Path
from typing import Any

import pytest
import typer
from penstock.call.failures import raised
from penstock.cli.inputs import Words, read

TEXT: dict[str, Any] = {"type": "string"}


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"path": schema}, "required": []}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").touch()
    (tmp_path / "resnet").touch()
    (tmp_path / "v1.2").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (TEXT, ["--path", "data.csv"]),
        (TEXT, ["--path=./data.csv"]),
        ({"anyOf": [TEXT, {"type": "null"}]}, ["--path", "data.csv"]),
        ({"type": "array", "items": TEXT}, ["--path", "other.csv", "--path", "data.csv"]),
    ],
)
def test_a_text_that_names_a_file_is_refused(here: Path, schema: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read("flow.py:flow", form(schema), Words(words, (), ()))
    assert (
        "annotate the input as pathlib.Path" in caught.value.message and str(here / "data.csv") in caught.value.message
    )


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (TEXT, "other.csv"),
        (TEXT, "resnet"),
        (TEXT, "v1.2"),
        (TEXT, ""),
        ({"type": "string", "format": "path"}, "data.csv"),
        ({"enum": ["data.csv"], "type": "string"}, "data.csv"),
    ],
)
def test_other_texts_are_what_they_are(here: Path, schema: dict[str, Any], text: str) -> None:
    assert read("flow.py:flow", form(schema), Words(["--path", text], (), ())) == {"path": text}


def test_a_full_path_is_taken(here: Path) -> None:
    text = str(here / "data.csv")
    assert read("flow.py:flow", form(TEXT), Words(["--path", text], (), ())) == {"path": text}


def test_an_operator_that_opens_a_relative_path_is_told_why_it_fails(here: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        open("missing.csv").close()
    assert "hand files over as pathlib.Path" in raised(caught.value).message
    with pytest.raises(FileNotFoundError) as caught:
        open("/missing.csv").close()
    assert "pathlib" not in raised(caught.value).message
