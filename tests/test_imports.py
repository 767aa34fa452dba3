"""The drawing of imports has no circle: neither between the files of a member nor between its rooms (subfolders)."""

import ast
from pathlib import Path

import pytest

from tests.imports import circles, drawing_of, rooms_of
from tests.test_style import MEMBERS, ROOT, of_member, package_of


@pytest.mark.parametrize("member", MEMBERS)
def test_no_files_import_one_another_in_a_circle(member: str) -> None:
    _, drawing = drawing_of(ROOT / member, dict(of_member(member)))
    assert circles(drawing) == []


@pytest.mark.parametrize("member", MEMBERS)
def test_no_rooms_import_one_another_in_a_circle(member: str) -> None:
    modules, drawing = drawing_of(ROOT / member, dict(of_member(member)))
    assert circles(rooms_of(modules, drawing, package_of(member))) == []


def drawn(tmp_path: Path, files: dict[str, str]) -> dict[Path, ast.Module]:
    return {tmp_path / name: ast.parse(text) for name, text in files.items()}


@pytest.mark.parametrize(
    "back",
    [
        "from .. import one",
        "from ..one import name",
        "from . import three\nfrom house.one import name",
        "import house.one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..one import Name",
        "def late():\n    from ..one import name",
    ],
)
def test_a_circle_is_found_however_it_is_closed(tmp_path: Path, back: str) -> None:
    files = {"house/__init__.py": "", "house/one.py": "from .room.two import name", "house/room/two.py": back}
    _, drawing = drawing_of(tmp_path, drawn(tmp_path, files))
    assert circles(drawing) == [["house.one", "house.room.two"]]


def test_a_circle_of_rooms_needs_no_circle_of_files(tmp_path: Path) -> None:
    files = {
        "house/__init__.py": "from .hall import door\nfrom .attic import beam",
        "house/hall/door.py": "from ..attic.beam import name",
        "house/hall/floor.py": "from ..errors import Error",
        "house/attic/beam.py": "from ..errors import Error",
        "house/attic/lamp.py": "from ..hall import floor",
        "house/errors.py": "",
    }
    modules, drawing = drawing_of(tmp_path, drawn(tmp_path, files))
    assert circles(drawing) == []
    assert circles(rooms_of(modules, drawing, "house")) == [["house.attic", "house.hall"]]


def test_what_points_one_way_is_no_circle(tmp_path: Path) -> None:
    files = {
        "house/one.py": "from . import two\nimport json",
        "house/two.py": "from .three import name",
        "house/three.py": "",
    }
    _, drawing = drawing_of(tmp_path, drawn(tmp_path, files))
    assert drawing == {"house.one": {"house.two"}, "house.two": {"house.three"}, "house.three": set()}
    assert circles(drawing) == []
