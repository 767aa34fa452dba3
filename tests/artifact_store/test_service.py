"""The store over gRPC: the same answers as from the folder, whatever is cut or damaged on the way."""

import asyncio
import hashlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from penstock_artifact_store import ArtifactDamaged, ArtifactMissing, BadHash, LocalStore, StoreUnavailable, remote
from penstock_artifact_store.remote import RemoteStore
from penstock_artifact_store.service import add_to_server
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.artifact_store.v1 import service_pb2_grpc

RUN = bytes(range(16))


class Served:
    """A store, its server, a stub, and remote stores with caches of their own."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.store = LocalStore(tmp_path / "served")
        self.remotes: list[RemoteStore] = []

    async def start(self) -> None:
        self.server = grpc.aio.server()
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        add_to_server(self.store, self.server)
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(self.address)
        self.stub: Any = service_pb2_grpc.ArtifactStoreServiceStub(self.channel)

    def remote(self) -> RemoteStore:
        cache = LocalStore(self.tmp_path / f"cache-{len(self.remotes)}")
        self.remotes.append(RemoteStore(self.address, cache))
        return self.remotes[-1]

    async def stop(self) -> None:
        for each in self.remotes:
            each.close()
        await self.channel.close()
        await self.server.stop(None)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


async def test_no_proxy_of_the_environment_gets_to_see_artifacts(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("grpc_proxy", "https_proxy", "http_proxy"):
            monkeypatch.setenv(name, "http://{}:{}".format(*proxy.getsockname()))
        artifact = await asyncio.to_thread(served.remote().put, b"private")
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert served.store.get(artifact) == b"private"


async def status_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    return caught.value.code()


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_what_one_worker_puts_another_gets(served: Served, size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    producer, consumer = served.remote(), served.remote()
    artifact = await asyncio.to_thread(producer.put, data)
    assert await asyncio.to_thread(producer.put_file, tmp_path / "file") == (artifact, size)
    assert served.store.get(artifact) == data
    assert await asyncio.to_thread(consumer.get, artifact) == data
    assert await asyncio.to_thread(consumer.size, artifact) == size
    assert await asyncio.to_thread(consumer.missing, [artifact, bytes(32)]) == [bytes(32)]
    await served.server.stop(None)
    assert await asyncio.to_thread(consumer.get, artifact) == data  # from its cache
    assert (await asyncio.to_thread(consumer.path, artifact)).read_bytes() == data


async def test_errors_are_those_of_the_folder(served: Served) -> None:
    far = served.remote()
    with pytest.raises(ArtifactMissing):
        await asyncio.to_thread(far.get, bytes(32))
    with pytest.raises(BadHash):
        await asyncio.to_thread(far.get, b"../../etc/passwd")
    artifact = served.store.put(b"data" * 1000)
    damage(served.store.folder / "objects" / artifact.hex()[:2] / artifact.hex())
    with pytest.raises(ArtifactDamaged):
        await asyncio.to_thread(far.get, artifact)


async def test_a_damaged_cache_is_filled_anew(served: Served) -> None:
    far = served.remote()
    artifact = await asyncio.to_thread(far.put, b"data" * 1000)
    for read in (far.get, far.path):
        damage(served.tmp_path / "cache-0" / "objects" / artifact.hex()[:2] / artifact.hex())
        far._cache._verified.clear()
        await asyncio.to_thread(read, artifact)
    assert await asyncio.to_thread(far.get, artifact) == b"data" * 1000


async def test_a_service_that_is_away_is_waited_for_and_then_said(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.5)
    await served.server.stop(None)
    far = served.remote()
    with pytest.raises(StoreUnavailable, match=served.address):
        await asyncio.to_thread(far.put, b"data")


async def test_a_service_that_comes_back_costs_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Semaphore(0)

    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(seconds: float) -> None:
            tried.release()
            time.sleep(min(seconds, 0.02))

    monkeypatch.setattr(remote, "time", Clock)
    await served.server.stop(None)
    putting = asyncio.create_task(asyncio.to_thread(served.remote().put, b"data"))
    for _ in range(20):
        await asyncio.to_thread(tried.acquire)
    served.server = grpc.aio.server()
    served.server.add_insecure_port(served.address)
    add_to_server(served.store, served.server)
    await served.server.start()
    assert served.store.get(await putting) == b"data"


async def test_a_transfer_that_breaks_goes_on_where_it_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(3_500_000)
    artifact = served.store.put(data)
    far = served.remote()
    asked: list[int] = []
    real = far._stub.Get

    class Broken(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

        def details(self) -> str:
            return "broken"

    def get(request: pb.GetRequest, timeout: float) -> Iterator[pb.GetResponse]:
        asked.append(request.offset)
        for response in real(request, timeout=timeout):
            yield response
            if len(asked) < 3:
                raise Broken

    far._stub.Get = get
    monkeypatch.setattr(remote, "RETRY_DELAY_S", 0.01)
    assert await asyncio.to_thread(far.get, artifact) == data
    assert asked == [0, 1 << 20, 2 << 20]


def puts(*requests: pb.PutRequest) -> Callable[[], Iterator[pb.PutRequest]]:
    return lambda: iter(requests)


HASH = hashlib.sha256(b"data").digest()


@pytest.mark.parametrize(
    "requests",
    [
        puts(),
        puts(pb.PutRequest(chunk=b"data")),
        puts(pb.PutRequest(artifact=b"../../etc/passwd", chunk=b"data")),
        puts(pb.PutRequest(artifact=HASH, chunk=b"other")),
        puts(pb.PutRequest(artifact=HASH, chunk=b"data"), pb.PutRequest(chunk=b"more")),
        puts(pb.PutRequest(artifact=HASH, chunk=bytes((1 << 20) + 1))),
    ],
)
async def test_what_is_not_as_announced_is_refused(
    served: Served, requests: Callable[[], Iterator[pb.PutRequest]]
) -> None:
    assert await status_of(served.stub.Put(requests())) is grpc.StatusCode.INVALID_ARGUMENT
    assert not served.store.has(HASH)
    assert list((served.store.folder / "incoming").iterdir()) == []


async def test_an_upload_that_is_cut_leaves_nothing(served: Served) -> None:
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[pb.PutRequest]:
        yield pb.PutRequest(artifact=HASH, chunk=b"da")
        begun.set()
        await asyncio.Event().wait()

    call = served.stub.Put(requests())
    await begun.wait()
    call.cancel()
    await asyncio.to_thread(wait_until_empty, served.store.folder / "incoming")
    assert not served.store.has(HASH)


async def test_bad_requests_are_refused(served: Served) -> None:
    artifact = served.store.put(b"data")
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert await status_of(served.stub.Missing(pb.MissingRequest(artifacts=[b"x"]))) is invalid
    assert await status_of(served.stub.Missing(pb.MissingRequest(artifacts=[artifact] * 10_001))) is invalid
    outside = served.stub.Get(pb.GetRequest(artifact=artifact, offset=5))
    assert await status_of(outside) is grpc.StatusCode.OUT_OF_RANGE
    assert await status_of(served.stub.Get(pb.GetRequest(artifact=artifact, offset=-1))) is grpc.StatusCode.OUT_OF_RANGE
    assert await status_of(served.stub.ReadLog(pb.ReadLogRequest(run_id=b"../.."))) is invalid
    assert await status_of(served.stub.AppendLog(iter([pb.AppendLogRequest()]))) is invalid
    nameless = pb.AppendLogRequest(key=pb.LogKey(run_id=b"../.."), lines=[pb.LogLine(text="x")])
    assert await status_of(served.stub.AppendLog(iter([nameless]))) is invalid
    deep = pb.AppendLogRequest(key=pb.LogKey(run_id=RUN, item=[1] * 200_000), lines=[pb.LogLine(text="x")])
    assert await status_of(served.stub.AppendLog(iter([deep]))) is invalid


async def test_a_full_disk_is_said(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    far = served.remote()
    monkeypatch.setattr(os, "write", full)
    request = pb.PutRequest(artifact=HASH, chunk=b"data")
    assert await status_of(served.stub.Put(iter([request]))) is grpc.StatusCode.RESOURCE_EXHAUSTED
    monkeypatch.undo()
    assert await asyncio.to_thread(far.put, b"data") == HASH


async def test_output_is_read_while_it_is_written(served: Served) -> None:
    first = pb.LogKey(run_id=RUN, node=0, attempt=1, grant=1)
    second = pb.LogKey(run_id=RUN, node=1, item=[4], attempt=1, grant=2)
    await served.stub.AppendLog(
        iter(
            [
                pb.AppendLogRequest(key=first, lines=[pb.LogLine(at_us=1, text="a")]),
                pb.AppendLogRequest(lines=[pb.LogLine(at_us=3, text="c")]),
                pb.AppendLogRequest(key=second, lines=[pb.LogLine(at_us=2, text="b")]),
            ]
        )
    )
    read = [each async for each in served.stub.ReadLog(pb.ReadLogRequest(run_id=RUN, node=-1))]
    assert [(each.key.node, line.text) for each in read for line in each.lines] == [(0, "a"), (1, "b"), (0, "c")]
    assert read[1].key == second
    following = served.stub.ReadLog(pb.ReadLogRequest(run_id=RUN, node=1, follow=True))
    assert (await following.read()).lines[0].text == "b"
    await served.stub.AppendLog(iter([pb.AppendLogRequest(key=second, lines=[pb.LogLine(at_us=9, text="later")])]))
    assert (await following.read()).lines[0].text == "later"
    following.cancel()


async def test_much_output_comes_in_messages_of_bounded_size(served: Served) -> None:
    key = pb.LogKey(run_id=RUN, attempt=1, grant=1)
    lines = [pb.LogLine(at_us=1, text="x" * 1000)] * 100
    await served.stub.AppendLog(iter([pb.AppendLogRequest(key=key, lines=lines)] * 20))
    read = [each async for each in served.stub.ReadLog(pb.ReadLogRequest(run_id=RUN, node=-1))]
    assert sum(len(each.lines) for each in read) == 2000
    assert max(each.ByteSize() for each in read) < 1 << 20


def wait_until_empty(folder: Path) -> None:
    deadline_s = time.monotonic() + 20
    while list(folder.iterdir()):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"damaged")
