"""The artifact store as a gRPC service over a local folder."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
import grpc.aio
from penstock_access import calling
from penstock_access.principal import Role
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.artifact_store.v1 import service_pb2_grpc

from . import checkpoints, measures
from .errors import ArtifactDamaged, ArtifactMissing, ArtifactStoreError, BadHash, BadLogKey, StoreFull
from .incoming import Incoming
from .logs import Line, LogKey, LogReader, LogWriter, last_lines, remove_logs
from .progress import read_progress, write_progress
from .store import CHUNK_BYTES, DIGEST_BYTES, LocalStore
from .sweeping import GRACE_MIN_S

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

MISSING_MAX = 10_000  # hashes asked about in one call
PROGRESS_NODES_MAX = 1_000  # asked about in one call
RUNS_MAX = 1_000  # runs whose logs are removed in one call
WRITERS_MAX = 64  # files that one call of AppendLog keeps open
LINES_MAX = 1000  # lines of output in one message
LAST_LINES_MAX = 20_000
LINES_BYTES_MAX = CHUNK_BYTES // 2  # text in one message
FOLLOW_INTERVAL_S = 0.25
FOLLOW_BUSY_SHARE = 10  # a follower rests this many times as long as it took to look for news

STATUS: dict[type[ArtifactStoreError], grpc.StatusCode] = {
    ArtifactMissing: grpc.StatusCode.NOT_FOUND,
    ArtifactDamaged: grpc.StatusCode.DATA_LOSS,
    BadHash: grpc.StatusCode.INVALID_ARGUMENT,
    BadLogKey: grpc.StatusCode.INVALID_ARGUMENT,
    StoreFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class ArtifactStoreServicer(service_pb2_grpc.ArtifactStoreServiceServicer):
    """File I/O happens in threads, a chunk at a time: this is not the hot path."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    async def Missing(self, request: pb.MissingRequest, context: Context) -> pb.MissingResponse:
        if len(request.artifacts) > MISSING_MAX:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"ask about at most {MISSING_MAX} artifacts at once")
        try:
            missing = await asyncio.to_thread(self._store.claim, list(request.artifacts))
        except ArtifactStoreError as error:
            await _abort(context, error)
        return pb.MissingResponse(artifacts=missing)

    async def Put(self, request_iterator: AsyncIterator[pb.PutRequest], context: Context) -> pb.PutResponse:
        try:
            return await self._put(request_iterator)
        except ArtifactStoreError as error:
            await _abort(context, error)

    async def _put(self, requests: AsyncIterator[pb.PutRequest]) -> pb.PutResponse:
        announced = b""
        incoming = self._store.incoming()
        async with _Threaded(incoming):
            async for request in requests:
                announced = announced or request.artifact
                if len(announced) != DIGEST_BYTES:
                    raise BadHash("the first message must carry the SHA-256 of the bytes")
                if len(request.chunk) > CHUNK_BYTES:
                    raise BadHash(f"a message may carry at most {CHUNK_BYTES} bytes")
                await _run_in_thread(incoming.write, request.chunk)
            if incoming.digest() != announced:
                raise BadHash(f"announced {announced.hex()}, received {incoming.digest().hex()}; send the bytes again")
            await _run_in_thread(self._store.keep, incoming)
        measures.put_bytes.inc(incoming.size)
        return pb.PutResponse(artifact=announced, size_bytes=incoming.size)

    async def Get(self, request: pb.GetRequest, context: Context) -> AsyncIterator[pb.GetResponse]:
        try:
            path = await asyncio.to_thread(self._store.path, request.artifact)
        except ArtifactStoreError as error:
            await _abort(context, error)
        size = path.stat().st_size
        if not 0 <= request.offset <= size:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"the artifact has {size} bytes")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            offset, said = request.offset, size
            while chunk := await asyncio.to_thread(os.pread, fd, CHUNK_BYTES, offset):
                offset += len(chunk)
                measures.get_bytes.inc(len(chunk))
                yield pb.GetResponse(chunk=chunk, size_bytes=said)
                said = 0
            if offset == request.offset:  # nothing is left to send, but its size
                yield pb.GetResponse(size_bytes=size)
        finally:
            os.close(fd)

    async def Sweep(self, request_iterator: AsyncIterator[pb.SweepRequest], context: Context) -> pb.SweepResponse:
        keep: set[bytes] = set()
        first, is_complete = None, False
        began_s = time.time()
        async for request in request_iterator:
            first = first or request
            keep.update(request.keep)
            is_complete = request.complete
        if first is None or first.grace_s < GRACE_MIN_S:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the grace period is at least {GRACE_MIN_S:g} s")
        if not is_complete:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the artifacts to keep are incomplete: none is removed"
            )
        before_s = began_s - first.grace_s
        swept = await asyncio.to_thread(self._store.collect, keep, before_s, dry_run=first.dry_run)
        return pb.SweepResponse(
            removed=swept.removed, removed_bytes=swept.removed_bytes, kept=swept.kept, kept_bytes=swept.kept_bytes
        )

    async def RemoveLogs(self, request: pb.RemoveLogsRequest, context: Context) -> pb.RemoveLogsResponse:
        if len(request.run_ids) > RUNS_MAX:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"name at most {RUNS_MAX} runs at once")
        try:
            removed = [await asyncio.to_thread(_remove_of_run, self._store, each) for each in request.run_ids]
        except ArtifactStoreError as error:
            await _abort(context, error)
        return pb.RemoveLogsResponse(removed_bytes=sum(removed))

    async def AppendLog(
        self, request_iterator: AsyncIterator[pb.AppendLogRequest], context: Context
    ) -> pb.AppendLogResponse:
        """A message without a key continues the output that the last one named."""
        writers: dict[LogKey, LogWriter] = {}
        key: LogKey | None = None
        try:
            async for request in request_iterator:
                key = _key(request.key) if request.HasField("key") else key
                if key is None:
                    raise BadLogKey("the first message must name the execution")
                writer = _writer(self._store.folder, writers, key)
                if request.lines:
                    await asyncio.to_thread(writer.append, [(line.at_us, line.text) for line in request.lines])
                if request.HasField("progress"):
                    await asyncio.to_thread(write_progress, self._store.folder, key, request.progress)
        except ArtifactStoreError as error:
            await _abort(context, error)
        finally:
            for writer in writers.values():
                writer.close()
        return pb.AppendLogResponse()

    async def ReadLog(self, request: pb.ReadLogRequest, context: Context) -> AsyncIterator[pb.ReadLogResponse]:
        """Following ends when the caller ends it."""
        run_id, node, text = request.run_id, request.node, request.text
        try:
            reader = LogReader(self._store.folder, run_id, node, from_us=request.from_us, text=text)
            if request.last:
                find = partial(last_lines, self._store.folder, run_id, node, min(request.last, LAST_LINES_MAX))
                for response in _responses(iter(await asyncio.to_thread(find, before_us=request.before_us, text=text))):
                    yield response
                return
        except ArtifactStoreError as error:
            await _abort(context, error)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            responses = _responses(reader.poll())
            while (response := await asyncio.to_thread(next, responses, None)) is not None:
                yield response
            if not request.follow:
                return
            await asyncio.sleep(max(FOLLOW_INTERVAL_S, FOLLOW_BUSY_SHARE * (loop.time() - began)))

    async def ReadProgress(self, request: pb.ReadProgressRequest, context: Context) -> pb.ReadProgressResponse:
        if len(request.nodes) > PROGRESS_NODES_MAX:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"ask about at most {PROGRESS_NODES_MAX} nodes at once"
            )
        try:
            return await asyncio.to_thread(_progress, self._store.folder, request.run_id, list(request.nodes))
        except ArtifactStoreError as error:
            await _abort(context, error)

    async def PutCheckpoint(
        self, request_iterator: AsyncIterator[pb.PutCheckpointRequest], context: Context
    ) -> pb.PutCheckpointResponse:
        first: pb.PutCheckpointRequest | None = None
        incoming = self._store.incoming()
        try:
            async with _Threaded(incoming):
                async for request in request_iterator:
                    first = first or request
                    await _run_in_thread(incoming.write, request.chunk)
                if first is None or incoming.digest() != first.head.digest:
                    raise BadHash("the bytes of the checkpoint are not those that were announced; send them again")
                keep = checkpoints.keep_checkpoint
                await _run_in_thread(keep, self._store.folder, _key(first.key), first.head.codec, incoming)
        except ArtifactStoreError as error:
            await _abort(context, error)
        return pb.PutCheckpointResponse()

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: Context
    ) -> AsyncIterator[pb.GetCheckpointResponse]:
        try:
            found = await asyncio.to_thread(
                checkpoints.find_checkpoint, self._store.folder, request.run_id, request.node, tuple(request.item)
            )
            if found is None:
                await context.abort(grpc.StatusCode.NOT_FOUND, "the node has no checkpoint")
        except ArtifactStoreError as error:
            await _abort(context, error)
        yield pb.GetCheckpointResponse(head=found.head)
        for at in range(0, len(found.data), CHUNK_BYTES):
            yield pb.GetCheckpointResponse(chunk=await asyncio.to_thread(bytes, found.data[at : at + CHUNK_BYTES]))

    async def RemoveCheckpoints(
        self, request: pb.RemoveCheckpointsRequest, context: Context
    ) -> pb.RemoveCheckpointsResponse:
        try:
            await asyncio.to_thread(
                checkpoints.remove_checkpoints, self._store.folder, request.run_id, request.node, tuple(request.item)
            )
        except ArtifactStoreError as error:
            await _abort(context, error)
        return pb.RemoveCheckpointsResponse()

    async def FindResult(self, request: pb.FindResultRequest, context: Context) -> pb.FindResultResponse:
        return await _answer(context, self._store.find_result, request)

    async def KeepResult(self, request: pb.KeepResultRequest, context: Context) -> pb.KeepResultResponse:
        await _answer(context, self._store.keep_result, request)
        return pb.KeepResultResponse()

    async def ExplainResult(self, request: pb.ExplainResultRequest, context: Context) -> pb.ExplainResultResponse:
        decision = await _answer(context, self._store.results.decision, request)
        if decision is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "the node's result was never looked for in the cache")
        return pb.ExplainResultResponse(decision=decision)

    async def ForgetResults(self, request: pb.ForgetResultsRequest, context: Context) -> pb.ForgetResultsResponse:
        if not calling.sees(request.team, Role.OPERATOR):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "name the team whose results are to be forgotten")
        return pb.ForgetResultsResponse(forgotten=await _answer(context, self._store.results.forget, request))


class _Threaded:
    """An Incoming as an asynchronous context manager: opening, removing and closing files may wait for the disk."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    async def __aenter__(self) -> None:
        try:
            await _run_in_thread(self._incoming.__enter__)
        except asyncio.CancelledError:
            await self.__aexit__(None, None, None)
            raise

    async def __aexit__(self, *reason: Any) -> None:
        await _run_in_thread(self._incoming.__exit__, *reason)


async def _run_in_thread(work: Callable[..., object], *arguments: object) -> None:
    """Do something in a thread; who cancels waits for its end, as nobody may close what it still uses."""
    task = asyncio.create_task(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _answer(context: Context, ask: Callable[[Request], Answer], request: Request) -> Answer:
    """Ask the store in a thread; an error of it ends the call."""
    try:
        return await asyncio.to_thread(ask, request)
    except ArtifactStoreError as error:
        await _abort(context, error)


def add_to_server(store: LocalStore, server: grpc.aio.Server) -> None:
    """Serve the store; remove first what killed processes left half-written."""
    store.sweep()
    service_pb2_grpc.add_ArtifactStoreServiceServicer_to_server(ArtifactStoreServicer(store), server)  # pyright: ignore


def _remove_of_run(store: LocalStore, run_id: bytes) -> int:
    """Remove what operators of a run printed, kept and computed for later calls; return the bytes of the former two."""
    store.results.remove_of_run(run_id)
    return remove_logs(store.folder, run_id) + checkpoints.remove_checkpoints(store.folder, run_id)


async def _abort(context: Context, error: ArtifactStoreError) -> NoReturn:
    await context.abort(STATUS.get(type(error), grpc.StatusCode.INTERNAL), str(error))
    raise AssertionError("abort raises")


def _writer(root: Path, writers: dict[LogKey, LogWriter], key: LogKey) -> LogWriter:
    if key not in writers:
        if len(writers) >= WRITERS_MAX:
            writers.pop(next(iter(writers))).close()
        writers[key] = LogWriter(root, key)
    return writers[key]


def _key(key: pb.LogKey) -> LogKey:
    return LogKey(key.run_id, key.node, tuple(key.item), key.attempt, key.grant)


def _log_key(key: LogKey) -> pb.LogKey:
    return pb.LogKey(run_id=key.run_id, node=key.node, item=key.item, attempt=key.attempt, grant=key.grant)


def _progress(root: Path, run_id: bytes, nodes: list[int]) -> pb.ReadProgressResponse:
    found = read_progress(root, run_id, nodes)
    return pb.ReadProgressResponse(
        executions=[pb.ExecutionProgress(key=_log_key(each.key), progress=each.progress) for each in found]
    )


def _responses(lines: Iterator[Line]) -> Iterator[pb.ReadLogResponse]:
    """One message for each stretch of lines of one execution, within its limits."""
    for key, stretch in itertools.groupby(lines, key=lambda line: line.key):
        name = _log_key(key)
        batch: list[pb.LogLine] = []
        size = 0
        for line in stretch:
            batch.append(pb.LogLine(at_us=line.at_us, text=line.text))
            size += len(line.text)
            if len(batch) == LINES_MAX or size > LINES_BYTES_MAX:
                yield pb.ReadLogResponse(key=name, lines=batch)
                batch, size = [], 0
        if batch:
            yield pb.ReadLogResponse(key=name, lines=batch)
