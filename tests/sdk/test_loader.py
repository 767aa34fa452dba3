"""Workflows from files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import penstock
import pytest
from penstock.compiler.loader import load_workflow, workflows_in
from penstock.errors import NoSuchFile, NoSuchWorkflow, NotImportable

TWO = """
from penstock import operator, workflow
import helper_of_two

@operator
def one() -> int:
    return helper_of_two.ONE

@workflow
def train_digits() -> int:
    return one()

@workflow(name="Pretty")
def other() -> int:
    return one()
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Leave no module and no folder behind."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("penstock", "pydantic", "numpy", "google", "msgspec")):
            del sys.modules[name]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "helper_of_two.py").write_text(
        "from penstock import workflow\nONE = 1\n@workflow\ndef imported() -> None: ...\n"
    )
    (tmp_path / "two_flows.py").write_text(TWO)
    return tmp_path / "two_flows.py"


def test_a_workflow_is_imported_as_a_worker_imports_it(two: Path) -> None:
    found = load_workflow(f"{two}:train_digits")
    assert (found.module, found.qualname) == ("two_flows", "train_digits")
    assert sys.path[0] == str(two.parent)
    plan = penstock.compile(found, bundle_hash=b"").plan
    assert plan.name == "two_flows:train_digits"
    assert plan.operators[0].module == "two_flows" and list(plan.files) == ["two_flows.py"]
    assert load_workflow(f"{two}:train_digits") is found
    assert load_workflow(f"{two}:Pretty").qualname == "other"


def test_all_workflows_of_a_file_without_those_it_imports(two: Path) -> None:
    (two.parent / "third.py").write_text(
        "from two_flows import other\nfrom penstock import workflow\n@workflow\ndef own() -> None: ...\n"
    )
    assert list(workflows_in(two)) == ["train_digits", "other"]
    assert list(workflows_in(two.parent / "third.py")) == ["own"]
    assert load_workflow(str(two.parent / "third.py")).name == "own"


def test_what_there_is_instead(two: Path) -> None:
    def said(spec: str) -> str:
        with pytest.raises((NoSuchWorkflow, NoSuchFile)) as caught:
            load_workflow(spec)
        return str(caught.value).replace(str(two.parent) + "/", "")

    assert (
        said(f"{two}:train_digit")
        == "two_flows.py has no workflow 'train_digit'; did you mean two_flows.py:train_digits?"
    )
    assert said(f"{two}:zzz").endswith("choose from two_flows.py:train_digits, two_flows.py:other")
    assert (
        said(str(two))
        == "two_flows.py has several workflows: choose from two_flows.py:train_digits, two_flows.py:other"
    )
    assert said(f"{two.parent}/two_flow.py:x") == "file not found: two_flow.py; did you mean two_flows.py?"
    assert said("nowhere/zzz.py:x") == "file not found: nowhere/zzz.py"
    assert said("digits:x") == "digits is not a Python file; write FILE.py:WORKFLOW"
    (two.parent / "empty.py").write_text("")
    assert "defines no workflow: put @workflow" in said(f"{two.parent}/empty.py")


def test_a_file_that_raises_shows_the_users_frames_only(tmp_path: Path) -> None:
    (tmp_path / "raising_helper.py").write_text("def fail():\n    return 1 / 0\n")
    (tmp_path / "raising_flow.py").write_text("import raising_helper\nraising_helper.fail()\n")
    with pytest.raises(NotImportable) as caught:
        load_workflow(f"{tmp_path}/raising_flow.py:x")
    text = str(caught.value)
    assert text.startswith("raising_flow.py cannot be imported\nTraceback")
    assert "ZeroDivisionError" in text and "in fail" in text
    assert "importlib" not in text and "loading.py" not in text
    assert "raising_flow" not in sys.modules


def test_a_syntax_error_shows_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken_flow.py").write_text("def x(:\n")
    with pytest.raises(NotImportable, match=r"broken_flow.py.*line 1"):
        load_workflow(f"{tmp_path}/broken_flow.py:x")


def test_names_that_another_module_has(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    (tmp_path / "not-a-name.py").write_text("")
    with pytest.raises(NotImportable, match="rename the file"):
        load_workflow(f"{tmp_path}/json.py:x")
    with pytest.raises(NotImportable, match="letters, digits and _ only"):
        load_workflow(f"{tmp_path}/not-a-name.py:x")


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        text = f"from penstock import workflow\n@workflow\ndef flow_{folder}() -> None: ...\n"
        (tmp_path / folder / "same_name.py").write_text(text)
    assert load_workflow(f"{tmp_path}/a/same_name.py").name == "flow_a"
    assert load_workflow(f"{tmp_path}/b/same_name.py").name == "flow_b"
    assert load_workflow(f"{tmp_path}/a/same_name.py").name == "flow_a"
