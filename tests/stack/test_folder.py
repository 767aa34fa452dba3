"""The data folder: one process, one version."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from penstock_stack.errors import FolderInUse, FolderUnusable, OtherVersion
from penstock_stack.folder import DataFolder

HOLD = """
import pathlib, sys
from penstock_stack.folder import DataFolder
folder = DataFolder(pathlib.Path(sys.argv[1]))
folder.open(4)
print(flush=True)
input()
"""


def test_a_folder_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    with closing(DataFolder(tmp_path / "data")) as folder:
        stamp = folder.open(4)
    with closing(DataFolder(tmp_path / "data")) as folder:
        assert folder.open(4) == stamp


def test_other_users_cannot_look_into_it(tmp_path: Path) -> None:
    with closing(DataFolder(tmp_path / "data")) as folder:
        folder.open(4)
        assert folder.path.stat().st_mode & 0o066 == 0


def test_another_process_is_named(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None and other.stdout is not None
    with other:
        other.stdout.readline()
        with pytest.raises(FolderInUse, match=f"process {other.pid}"):
            DataFolder(tmp_path).open(4)
        other.stdin.write(b"\n")
        other.stdin.close()
    with closing(DataFolder(tmp_path)) as folder:
        folder.open(4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"format": 999}, "format 999"), ({"shards": 8}, "8 shards"), ({"format": "?"}, "is unreadable")],
)
def test_another_version_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    folder = DataFolder(tmp_path)
    folder.open(4)
    folder.close()
    path = tmp_path / "version.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(OtherVersion, match=reason):
        folder.open(4)
    path.unlink()
    (tmp_path / "postgres").mkdir()
    with pytest.raises(OtherVersion, match="no version"):
        folder.open(4)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="--data"):
        DataFolder(tmp_path / "file" / "data").open(4)
    assert os.listdir(tmp_path) == ["file"]
