"""The sources of the console: types, style, and what is pure in them. Node comes as a Python package."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from penstock_gateway.app import make_app
from penstock_gateway.typescript import typescript

ROOT: Final = Path(__file__).parent.parent.parent
WEB: Final = ROOT / "console" / "web"
LINES_MAX: Final = 500


def test_types_are_those_of_the_api() -> None:
    assert (WEB / "src/api/types.ts").read_text() == typescript(make_app().openapi()), "run `make docs`"


@pytest.mark.parametrize("script", ["lint", "test"])
def test_scripts(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penstock_console.build", script], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()


def test_files_are_short() -> None:
    found = [path for path in WEB.glob("src/**/*.ts*") if len(path.read_text().splitlines()) > LINES_MAX]
    assert [path.name for path in found if path.name != "types.ts"] == []


def test_nothing_writes_html() -> None:
    """Elements are made of text; text never becomes elements."""
    pattern = re.compile(r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    found = [path.name for path in WEB.glob("src/**/*.ts*") if pattern.search(path.read_text())]
    assert found == []
