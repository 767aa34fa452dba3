"""A sweep removes what nothing refers to, and nothing that somebody is about to refer to, whenever it is cut off."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import grpc
import grpc.aio
import pytest
from penstock.client import removal
from penstock.client.connection import Connection
from penstock.client.errors import Refused
from penstock_artifact_store import LocalStore, LogKey, LogWriter
from penstock_artifact_store.sweeping import FRESH_S, GRACE_MIN_S
from penstock_proto.artifact_store.v1 import service_pb2 as pb

from tests.artifact_store.test_service import RUN, Served
from tests.waiting import WAIT_S

DAY_S = 24 * 3600.0


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


def file_of(store: LocalStore, artifact: bytes) -> Path:
    return store.folder / "objects" / artifact.hex()[:2] / artifact.hex()


def aged(store: LocalStore, data: bytes, age_s: float = DAY_S) -> bytes:
    """An artifact that was stored so long ago."""
    artifact = store.put(data)
    at_s = time.time() - age_s
    os.utime(file_of(store, artifact), (at_s, at_s))
    return artifact


def test_what_is_named_or_young_stays(store: LocalStore) -> None:
    named, young, old = aged(store, b"named"), store.put(b"young"), aged(store, b"old")
    only_counted = store.collect({named}, time.time() - GRACE_MIN_S, dry_run=True)
    assert (only_counted.removed, only_counted.removed_bytes) == (1, 3) and store.has(old)
    swept = store.collect({named}, time.time() - GRACE_MIN_S)
    assert (swept.removed, swept.removed_bytes, swept.kept, swept.kept_bytes) == (1, 3, 2, 10)
    assert store.missing([named, young, old]) == [old]
    assert store.put(b"old") == old and store.get(old) == b"old"


def test_what_is_stored_again_or_asked_for_is_young_again(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"by file")
    artifacts = [aged(store, b"put"), aged(store, b"claimed"), aged(store, b"by file"), aged(store, b"read")]
    store.put(b"put")
    assert store.claim([artifacts[1], bytes(32)]) == [bytes(32)]
    store.put_file(tmp_path / "file")
    assert store.get(artifacts[3]) == b"read", "reading claims nothing: what is read is referred to"
    store.collect(set[bytes](), time.time() - GRACE_MIN_S)
    assert store.missing(artifacts) == [artifacts[3]]


def test_what_is_there_is_fresh_enough_for_the_shortest_grace_period(store: LocalStore) -> None:
    """Not made young again, it still outlives a sweep that begins now."""
    artifact = aged(store, b"rather new", FRESH_S - 5)
    store.put(b"rather new")
    assert store.collect(set[bytes](), time.time() - GRACE_MIN_S).removed == 0
    assert store.has(artifact)


def test_stores_and_sweeps_at_the_same_time(store: LocalStore) -> None:
    """What `put` has returned is there, however the sweeps fall; a sweep that trusts a look from before loses some."""
    stop = threading.Event()
    datas = [f"data {number}".encode() for number in range(20)]

    def sweep() -> None:
        while not stop.is_set():
            store.collect(set[bytes](), time.time() - GRACE_MIN_S)

    sweeping = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in sweeping:
        thread.start()
    try:
        for _ in range(60):
            for data in datas:
                artifact = store.put(data)
                assert store.has(artifact)
                os.utime(file_of(store, artifact), (0, 0))  # from here on it may go
    finally:
        stop.set()
        for thread in sweeping:
            thread.join(WAIT_S)


def test_a_sweep_that_is_killed_leaves_whole_artifacts(store: LocalStore) -> None:
    kept = [aged(store, f"kept {number}".encode()) for number in range(200)]
    gone = [aged(store, f"gone {number}".encode()) for number in range(200)]
    program = """
import os, signal, sys
from pathlib import Path
from penstock_artifact_store import LocalStore
unlink, count = Path.unlink, 0
def dying(path, *arguments, **named):
    global count
    count += 1
    if count == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    unlink(path, *arguments, **named)
Path.unlink = dying
LocalStore(Path(sys.argv[1])).collect({bytes.fromhex(each) for each in sys.stdin.read().split()}, float(sys.argv[2]))
"""
    named = "\n".join(each.hex() for each in kept)
    command = [sys.executable, "-c", program, str(store.folder), str(time.time() - GRACE_MIN_S)]
    done = subprocess.run(command, input=named, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(store.missing(gone)) == 49 and store.missing(kept) == []
    assert store.collect(set(kept), time.time() - GRACE_MIN_S).removed == 151
    assert store.missing(gone) == gone and [store.get(each) for each in kept]


def sweep_requests(*keep: bytes, grace_s: float = GRACE_MIN_S, complete: bool = True) -> Iterator[pb.SweepRequest]:
    yield pb.SweepRequest(grace_s=grace_s)
    yield pb.SweepRequest(keep=keep)
    if complete:
        yield pb.SweepRequest(complete=True)


async def test_over_grpc(served: Served) -> None:
    kept, gone = aged(served.store, b"kept"), aged(served.store, b"gone")
    answer = await served.stub.Sweep(sweep_requests(kept))
    assert (answer.removed, answer.removed_bytes, answer.kept) == (1, 4, 1)
    assert served.store.missing([kept, gone]) == [gone]


@pytest.mark.parametrize("bad", [sweep_requests(complete=False), sweep_requests(grace_s=1.0), iter(())])
async def test_nothing_is_removed_unless_all_were_named(served: Served, bad: Iterator[pb.SweepRequest]) -> None:
    artifact = aged(served.store, b"stays")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await served.stub.Sweep(bad)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert served.store.has(artifact)


async def test_a_caller_that_goes_away_halfway_removes_nothing(served: Served) -> None:
    artifact = aged(served.store, b"stays")

    async def endless() -> AsyncIterator[pb.SweepRequest]:
        yield pb.SweepRequest(grace_s=GRACE_MIN_S)
        await asyncio.sleep(WAIT_S)

    call = served.stub.Sweep(endless())
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert served.store.has(artifact)


async def test_references_that_cannot_be_read_are_an_error_of_the_caller(served: Served) -> None:
    """There is an artifact store at the address, and no State Tracker."""
    artifact = aged(served.store, b"old")
    connection = Connection(served.address)
    connection.places["artifact_store"] = [served.address]
    try:
        with pytest.raises(Refused, match="does not implement this call"):
            await removal.sweep(connection, GRACE_MIN_S, dry_run=False)
    finally:
        await connection.close()
    assert served.store.has(artifact)


async def test_remote_stores_claim_what_they_find(served: Served) -> None:
    """A worker whose cache has the bytes does not upload them; the store must keep its own."""
    artifact = await asyncio.to_thread(served.remote().put, b"result")
    os.utime(file_of(served.store, artifact), (0, 0))
    assert await asyncio.to_thread(served.remotes[0].put, b"result") == artifact
    await served.stub.Sweep(sweep_requests())
    assert served.store.has(artifact)


def log_of(store: LocalStore, run_id: bytes, lines: Sequence[tuple[int, str]]) -> None:
    writer = LogWriter(store.folder, LogKey(run_id, 0, (), 1, 1))
    writer.append(lines)
    writer.close()


async def test_logs_of_a_run_are_removed_and_of_no_other(served: Served) -> None:
    other = bytes(range(1, 17))
    for run_id in (RUN, other):
        log_of(served.store, run_id, [(1, "line")])
        served.store.put_checkpoint(LogKey(run_id, 0, (), 1, 1), "bytes", [bytes(1000)])
    answer = await served.stub.RemoveLogs(pb.RemoveLogsRequest(run_ids=[RUN, RUN]))
    assert answer.removed_bytes > 1000
    for kept in ("logs", "checkpoints"):
        assert [folder.name for folder in (served.store.folder / kept).iterdir()] == [other.hex()]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await served.stub.RemoveLogs(pb.RemoveLogsRequest(run_ids=[b"../../x"]))
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
