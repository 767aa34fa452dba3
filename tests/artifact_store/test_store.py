"""The store in a local folder: what is there is whole, what is damaged is found, what failed leaves nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_artifact_store import ArtifactDamaged, ArtifactMissing, BadHash, LocalStore

from tests.waiting import WAIT_S


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def files_of(store: LocalStore, folder: str) -> list[Path]:
    return [path for path in (store.folder / folder).rglob("*") if path.is_file()]


def run(store: LocalStore, code: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import os, resource, signal, sys
from pathlib import Path
from penstock_artifact_store import LocalStore, StoreFull
store = LocalStore(Path(sys.argv[1]))
{textwrap.dedent(code)}
"""
    command = [sys.executable, "-c", program, str(store.folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_other_users_are_kept_out_unless_the_folder_was_made_for_them(tmp_path: Path) -> None:
    assert LocalStore(tmp_path / "own").folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o750)
    assert LocalStore(tmp_path / "shared").folder.stat().st_mode & 0o777 == 0o750


@given(parts=st.lists(st.binary(max_size=5000), max_size=5))
def test_what_is_put_is_got(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    store = LocalStore(tmp_path_factory.getbasetemp() / "store")
    data = b"".join(parts)
    artifact = store.put_parts(parts)
    assert artifact == hashlib.sha256(data).digest() == store.put(data)
    assert store.get(artifact) == data == store.path(artifact).read_bytes()
    assert store.size(artifact) == len(data)
    assert store.has(artifact)
    assert store.missing([artifact]) == []


def test_a_file_is_kept_as_it_was(store: LocalStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_001))
    artifact, size = store.put_file(source)
    assert (size, store.get(artifact)) == (3_000_001, source.read_bytes())
    source.write_bytes(b"changed")
    assert store.size(artifact) == 3_000_001


def test_the_same_bytes_are_written_once(store: LocalStore) -> None:
    path = store.path(store.put(b"same"))
    before = path.stat()
    store.put(b"same")
    LocalStore(store.folder).put(b"same")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(files_of(store, "objects")) == 1


def test_many_put_the_same_bytes_at_once(store: LocalStore) -> None:
    data = os.urandom(100_000)
    with ThreadPoolExecutor(16) as threads:
        stores = [LocalStore(store.folder) for _ in range(16)]
        artifacts = set(threads.map(lambda each: each.put(data), stores))
    assert len(artifacts) == 1
    assert store.get(artifacts.pop()) == data
    assert files_of(store, "incoming") == []


def test_what_is_not_there_is_named(store: LocalStore) -> None:
    absent = bytes(32)
    for read in (store.get, store.path, store.size):
        with pytest.raises(ArtifactMissing, match=absent.hex()):
            read(absent)
    assert store.missing([absent, store.put(b"x")]) == [absent]


@pytest.mark.parametrize("name", [b"", b"x" * 31, b"x" * 33, "../../etc/passwd", "a" * 64, b"../../etc/passwd", None])
def test_only_hashes_name_artifacts(store: LocalStore, name: bytes) -> None:
    for read in (store.get, store.path, store.size, store.has):
        with pytest.raises(BadHash):
            read(name)


def test_every_flipped_bit_is_found(store: LocalStore) -> None:
    for position in range(0, 64, 7):
        data = os.urandom(8)
        artifact = store.put(data)
        flip(store.path(artifact), position)
        with pytest.raises(ArtifactDamaged, match=artifact.hex()):
            store.get(artifact)
        assert not store.has(artifact)  # set aside, so that the same bytes can be put again
        assert store.get(store.put(data)) == data


def test_damage_is_found_before_a_file_is_handed_out(store: LocalStore) -> None:
    artifact = store.put(b"data" * 1000)
    flip(store.path(artifact), 77)
    with pytest.raises(ArtifactDamaged):
        LocalStore(store.folder).path(artifact)


def test_a_file_cut_short_is_damaged(store: LocalStore) -> None:
    artifact = store.put(b"data" * 1000)
    path = store.path(artifact)
    path.chmod(0o644)
    os.truncate(path, 1000)
    with pytest.raises(ArtifactDamaged):
        store.get(artifact)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_writer_killed_halfway_leaves_nothing_visible(store: LocalStore, call: str) -> None:
    killed = run(
        store,
        f"""
        os.{call} = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
        store.put(b"data" * 100_000)
        """,
    )
    assert killed.returncode == -signal.SIGKILL
    assert files_of(store, "objects") == []
    assert len(files_of(store, "incoming")) == 1
    assert store.sweep() == 0  # it may still be at work
    assert store.sweep(older_than_s=-1) == 1
    assert store.get(store.put(b"data" * 100_000)) == b"data" * 100_000


def test_a_writer_killed_after_the_rename_has_written_it_all(store: LocalStore) -> None:
    killed = run(
        store,
        """
        from penstock_artifact_store import incoming
        incoming.sync_folder = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
        store.put(b"data")
        """,
    )
    assert killed.returncode == -signal.SIGKILL
    artifact = hashlib.sha256(b"data").digest()
    assert store.get(artifact) == b"data"
    assert store.put(b"data") == artifact


def test_a_full_disk_is_said_and_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(2_000_000))
    done = run(
        store,
        f"""
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        for put in (lambda: store.put(bytes(2_000_000)), lambda: store.put_file(Path({str(tmp_path / "big")!r}))):
            try:
                put()
            except StoreFull as error:
                print(error.free_bytes > 0, error)
        print(store.put(b"small").hex())
        """,
    )
    lines = done.stdout.splitlines()
    assert [line.startswith("True the disk of ") for line in lines] == [True, True, False], done
    assert str(store.folder) in lines[0]
    assert store.get(bytes.fromhex(lines[2])) == b"small"
    assert files_of(store, "incoming") == []


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_an_error_of_the_disk_leaves_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*args: object) -> None:
        raise OSError(5, "Input/output error")

    store.put(b"the folders exist")
    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="Input/output error"):
        store.put(b"x" * 1000)
    monkeypatch.undo()
    assert files_of(store, "incoming") == []
    assert len(files_of(store, "objects")) == 1


def test_bytes_reach_the_disk_before_their_name_does(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def spied(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            calls.append(name)
            return real(*args)

        return call

    for name in ("fsync", "rename"):
        monkeypatch.setattr(os, name, spied(name, getattr(os, name)))
    store.put(b"ordered")
    assert calls[-3:] == ["fsync", "rename", "fsync"]


def flip(path: Path, bit: int) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
