"""A worker's folder has one worker at a time, and keeps its name."""

import socket
from pathlib import Path

import pytest
from penstock_executors import own_folder
from penstock_executors.errors import ExecutorError, FolderInUse


def test_workers_of_one_host_have_names_and_folders_of_their_own(tmp_path: Path) -> None:
    with own_folder.hold_folder(tmp_path) as first, own_folder.hold_folder(tmp_path) as second:
        assert first.name != second.name
        assert first.path != second.path
        assert first.name.startswith(socket.gethostname()[:100])


def test_a_worker_keeps_its_name_over_restarts(tmp_path: Path) -> None:
    with own_folder.hold_folder(tmp_path) as before:
        kept = before.name
    with own_folder.hold_folder(tmp_path) as after:
        assert after.name == kept


def test_two_hosts_of_one_name_have_workers_of_different_names(tmp_path: Path) -> None:
    with own_folder.hold_folder(tmp_path / "a") as here, own_folder.hold_folder(tmp_path / "b") as there:
        assert here.name != there.name


def test_a_folder_that_is_in_use_names_its_holder_and_the_remedy(tmp_path: Path) -> None:
    with own_folder.hold_folder(tmp_path, "box"):
        text = r"worker box, process \d+ of .*; start this worker with another --name"
        with pytest.raises(FolderInUse, match=text), own_folder.hold_folder(tmp_path, "box"):
            pass
        with pytest.raises(FolderInUse), own_folder.hold_folder(tmp_path, "other", tmp_path / "workers" / "box"):
            pass
    with own_folder.hold_folder(tmp_path, "box") as own:
        assert own.name == "box"


def test_a_folder_of_its_own_keeps_a_name_as_well(tmp_path: Path) -> None:
    with own_folder.hold_folder(tmp_path, folder=tmp_path / "mine") as own:
        name = own.name
    with own_folder.hold_folder(tmp_path / "elsewhere", folder=tmp_path / "mine") as own:
        assert own.name == name


def test_a_damaged_name_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "name").write_bytes(b"\xff\xfe")
    with own_folder.hold_folder(tmp_path, folder=folder) as own:
        assert own.name.startswith(socket.gethostname()[:100])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "folder"
    with (
        pytest.raises(ExecutorError, match="choose another one with --folder"),
        own_folder.hold_folder(tmp_path, folder=folder),
    ):
        pass
