"""The results of runs: one stream per State Tracker for any number of runs."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2

from .connection import BACKOFF_MAX_S, BACKOFF_S, Connection, Retry, code_name
from .errors import ClientError, Refused, RunFailed, Unreachable, not_found
from .view import cause_text

# Runs asked for in one message.
RUNS_MAX = 10_000

Answer = asyncio.Future[service_pb2.RunResult]
# Runs to ask for; None: no more.
Asked = asyncio.Queue[bytes | None]


class Results:
    """Waits for the ends of runs, wherever they are; follows them when their shards move."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[bytes, Answer] = {}
        # Runs whose shard is on the move: since when, and when that was last said.
        self._moving: dict[bytes, tuple[float, float]] = {}
        self._streams: dict[str, Stream] = {}

    async def wait(self, run_id: bytes) -> service_pb2.RunResult:
        """Return how the run has ended, as soon as it has; raise NoSuchRun, Unreachable, Refused."""
        future = self._waiting.get(run_id)
        if future is None:
            future = self._waiting[run_id] = asyncio.get_running_loop().create_future()
            future.add_done_callback(_drop_error)
            self._ask(run_id)
        # Several may wait for the same run, and one of them giving up is not the end for the others.
        return await asyncio.shield(future)

    async def close(self) -> None:
        streams, self._streams = list(self._streams.values()), {}
        self._waiting.clear()
        await asyncio.gather(*(stream.close() for stream in streams))

    def deliver(self, result: Any) -> None:
        """Hand on what a State Tracker says of a run, or ask where it says, or later."""
        run_id, code = bytes(result.run_id), code_name(result.code) if result.code else ""
        if code in ("FAILED_PRECONDITION", "UNAVAILABLE"):
            self._follow(run_id, result.owner, result.detail)
            return
        future = self._take(run_id)
        if future is None:
            return
        if not code:
            future.set_result(result)
        elif code == "NOT_FOUND":
            future.set_exception(not_found(Refused(code, result.detail), str(uuid.UUID(bytes=run_id))))
        else:
            future.set_exception(Refused(code, result.detail))

    def reassign(self, stream: Stream, error: ClientError) -> None:
        """A State Tracker was lost: others own its shards by now, or none responds."""
        self._streams.pop(stream.address, None)
        self._connection.forget_owner(stream.address)
        for run_id in list(stream.waiting):
            if not self._connection.is_home(stream.address):
                self._ask(run_id)
            elif (future := self._take(run_id)) is not None:
                future.set_exception(error)

    def _ask(self, run_id: bytes) -> None:
        if run_id not in self._waiting:
            return
        address = self._connection.owner(run_id)
        stream = self._streams.get(address)
        if stream is None:
            stream = self._streams[address] = Stream(self._connection, address, self)
        stream.ask(run_id)

    def _follow(self, run_id: bytes, owner: str, detail: str) -> None:
        """Ask the owner immediately, or after a delay if there is none or it was just looked up."""
        now, patience_s = time.monotonic(), self._connection.patience_s
        since, last = self._moving.get(run_id, (now, now))
        if now - last > patience_s:
            since = now
        first = run_id not in self._moving
        self._moving[run_id] = (since, now)
        self._connection.note_owner(run_id, owner)
        if owner and first:
            self._ask(run_id)
        elif now - since < patience_s:
            delay_s = min(BACKOFF_MAX_S, max(BACKOFF_S, (now - since) / 2))
            asyncio.get_running_loop().call_later(delay_s, self._ask, run_id)
        elif (future := self._take(run_id)) is not None:
            future.set_exception(Unreachable(self._connection.address, detail))

    def _take(self, run_id: bytes) -> Answer | None:
        self._moving.pop(run_id, None)
        future = self._waiting.pop(run_id, None)
        return None if future is None or future.done() else future


def failure_of(run: str, ended: service_pb2.RunResult, plan: plan_pb2.Plan) -> RunFailed:
    """Return why a run failed."""
    node = plan.nodes[ended.failed_node] if ended.failed_node >= 0 else plan_pb2.Node(name="?")
    place = f"{plan.files[node.file]}:{node.line}" if node.line and node.file < len(plan.files) else ""
    failure = ended.failure.failure
    text = f"{failure.type}: {failure.message}" if failure.type else failure.message
    return RunFailed(run, node.name, cause_text(ended.failure.cause), text, failure.traceback, place)


def _drop_error(answer: Answer) -> None:
    """Drop the error of a future that has no waiter."""
    if not answer.cancelled():
        answer.exception()


class Stream:
    """The runs asked about at one State Tracker; opened again if it breaks."""

    def __init__(self, connection: Connection, address: str, results: Results) -> None:
        self.address = address
        self.waiting: set[bytes] = set()
        self._connection, self._results = connection, results
        # Of the connection that is open: one that broke keeps its own, and takes nothing away from the next.
        self._asked: Asked = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    def ask(self, run_id: bytes) -> None:
        self.waiting.add(run_id)
        self._asked.put_nowait(run_id)

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        retry = self._connection.retry_at(self.address)
        try:
            while True:
                await self._read_once(retry)
        except Exception as error:
            self._results.reassign(self, error if isinstance(error, ClientError) else Refused("INTERNAL", repr(error)))

    async def _read_once(self, retry: Retry) -> None:
        """One connection: ask for all that wait, and for more as they come."""
        asked = self._asked = asyncio.Queue()
        for run_id in self.waiting:
            asked.put_nowait(run_id)
        stream = self._connection.stream("state_tracker", "Results", _requests(asked), retry=retry)
        try:
            async with aclosing(stream):
                async for response in stream:
                    if any(result.owner for result in response.results):
                        await self._connection.info()  # by which owners are remembered
                    for result in response.results:
                        self.waiting.discard(bytes(result.run_id))
                        self._results.deliver(result)
        finally:
            asked.put_nowait(None)  # gRPC does not end what it reads from, where the other side ended the call


async def _requests(asked: Asked) -> AsyncGenerator[service_pb2.ResultsRequest]:
    """Yield the queued requests, batched, until the stream is closed."""
    while (run_id := await asked.get()) is not None:
        run_ids = [run_id]
        while not asked.empty() and len(run_ids) < RUNS_MAX:
            if (run_id := asked.get_nowait()) is None:
                return
            run_ids.append(run_id)
        yield service_pb2.ResultsRequest(run_ids=run_ids)
