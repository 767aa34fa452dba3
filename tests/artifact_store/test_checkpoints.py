"""Checkpoints: the latest attempt's is found, whole or not at all, and those before it take no room."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from penstock_artifact_store import BadLogKey, LocalStore, LogKey, LogReader
from penstock_artifact_store.progress import read_progress, write_progress
from penstock_artifact_store.remote import RemoteStore
from penstock_artifact_store.service import add_to_server
from penstock_proto.artifact_store.v1.service_pb2 import Progress

RUN = bytes(range(16))
LARGE = os.urandom(3 << 20)


def key(attempt: int, grant: int = 1, node: int = 4, item: tuple[int, ...] = ()) -> LogKey:
    return LogKey(RUN, node, item, attempt, grant)


def files(store: LocalStore) -> list[str]:
    return sorted(path.name for path in (store.folder / "checkpoints").rglob("*") if path.is_file())


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[RemoteStore]:
    server = grpc.aio.server()
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    add_to_server(LocalStore(tmp_path / "served"), server)
    await server.start()
    store = RemoteStore(address, LocalStore(tmp_path / "cache"))
    yield store
    store.close()
    await server.stop(None)


def exercise(store: Any) -> None:
    """What any store does."""
    assert store.checkpoint(RUN, 4) is None
    store.put_checkpoint(key(1), "json", [b"one"])
    store.put_checkpoint(key(1), "json", [b"tw", memoryview(b"o")])
    assert (lambda found: (found[0], bytes(found[1])))(store.checkpoint(RUN, 4)) == ("json", b"two")
    store.put_checkpoint(key(2, grant=9), "bytes", [LARGE])
    codec, data = store.checkpoint(RUN, 4)
    store.put_checkpoint(key(1), "json", [b"late, from an attempt that was given up"])
    store.put_checkpoint(key(2, grant=9), "bytes", [b""])
    assert codec == "bytes" and bytes(data) == LARGE, "what was read stays as it was"
    assert bytes(store.checkpoint(RUN, 4)[1]) == b""
    store.put_checkpoint(key(1, item=(3,)), "json", [b"of an item"])
    store.put_checkpoint(key(1, node=5), "json", [b"of a neighbour"])
    store.remove_checkpoints(RUN, 4)
    assert store.checkpoint(RUN, 4) is None
    assert bytes(store.checkpoint(RUN, 4, (3,))[1]) == b"of an item"
    store.remove_checkpoints(RUN)
    assert store.checkpoint(RUN, 5) is None
    store.remove_checkpoints(RUN)
    with pytest.raises(Exception, match="run id"):
        store.put_checkpoint(LogKey(b"short", 1, (), 1, 1), "json", [b"1"])


def test_a_folder(tmp_path: Path) -> None:
    exercise(LocalStore(tmp_path))


async def test_over_grpc(remote: RemoteStore, tmp_path: Path) -> None:
    await asyncio.to_thread(exercise, remote)
    assert list((tmp_path / "served" / "incoming").iterdir()) == []
    assert list((tmp_path / "cache" / "incoming").iterdir()) == []


def test_only_the_latest_takes_room(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for attempt in (1, 1, 2, 3, 2):
        store.put_checkpoint(key(attempt, grant=attempt), "bytes", [LARGE])
    assert files(store) == ["all-3-3"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "length"])
def test_a_corrupt_checkpoint_is_set_aside(tmp_path: Path, damage: str) -> None:
    store = LocalStore(tmp_path)
    store.put_checkpoint(key(1), "bytes", [LARGE])
    (path,) = (path for path in (tmp_path / "checkpoints").rglob("all-*"))
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[1000] ^= 1
    elif damage == "length":
        data[-1] = 0xFF
    path.chmod(0o644)
    path.write_bytes(b"" if damage == "empty" else data[:-5] if damage == "cut" else data)
    assert store.checkpoint(RUN, 4) is None
    assert files(store) == [] and len(list((tmp_path / "damaged").iterdir())) == 1
    store.put_checkpoint(key(2), "bytes", [b"anew"])
    assert bytes((store.checkpoint(RUN, 4) or ("", b""))[1]) == b"anew"


def test_progress_is_replaced_and_no_output(tmp_path: Path) -> None:
    for done in (1.0, 2.0):
        write_progress(tmp_path, key(1), Progress(done=done))
    write_progress(tmp_path, key(2), Progress(done=0.5, text="again"))
    write_progress(tmp_path, key(1, node=7), Progress(line="12 %"))
    found = {each.key.node: each for each in read_progress(tmp_path, RUN)}
    assert (found[4].key.attempt, found[4].progress.done, found[4].progress.text) == (2, 0.5, "again")
    assert found[7].progress.line == "12 %"
    assert [each.key.node for each in read_progress(tmp_path, RUN, [7, 8])] == [7]
    assert list(LogReader(tmp_path, RUN).poll()) == []
    with pytest.raises(BadLogKey):
        write_progress(tmp_path, LogKey(b"x", 0, (), 1, 1), Progress())
