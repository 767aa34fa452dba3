"""Ids of runs, and where a running stack is found."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from penstock.client.discovery import ADDRESS, Running, announce, choose_address, find, is_alive, withdraw
from penstock.client.errors import NoSuchRun
from penstock.client.run_id import new_run_id, parse_run_id


def test_ids_are_version_7_and_unique() -> None:
    ids = [new_run_id() for _ in range(1000)]
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 1000
    assert ids[0].int >> 80 <= ids[-1].int >> 80


@pytest.mark.parametrize("text", ["", "x", "0" * 31, b"short"])
def test_what_is_no_id_is_refused(text: str | bytes) -> None:
    with pytest.raises(NoSuchRun):
        parse_run_id(text)


def test_an_id_is_read_in_any_form() -> None:
    run_id = new_run_id()
    assert parse_run_id(str(run_id)) == parse_run_id(run_id.hex) == parse_run_id(run_id.bytes) == run_id


def test_a_running_stack_is_found_until_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_ADDRESS", raising=False)
    assert find(tmp_path) is None
    assert choose_address(None, tmp_path) == ADDRESS
    running = Running("127.0.0.1:1234", os.getpid(), attended=True)
    announce(tmp_path, running)
    assert find(tmp_path) == running
    assert choose_address(None, tmp_path) == "127.0.0.1:1234"
    assert choose_address("host:1", tmp_path) == "host:1"
    monkeypatch.setenv("PENSTOCK_ADDRESS", "other:2")
    assert choose_address(None, tmp_path) == "other:2"
    withdraw(tmp_path)
    assert find(tmp_path) is None


def test_a_file_of_a_dead_process_or_of_nonsense_means_nothing(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not is_alive(gone.pid)
    announce(tmp_path, Running("127.0.0.1:1", gone.pid))
    assert find(tmp_path) is None
    (tmp_path / "running.json").write_text("{")
    assert find(tmp_path) is None
