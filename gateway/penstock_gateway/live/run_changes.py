"""Changes of all runs: the history is asked for them once, for all who watch lists of runs."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from penstock.client import ClientError
from penstock_observability import metrics
from penstock_proto.history.v1 import service_pb2 as history

from ..edge.answers import shown_run
from ..errors import TooManyWatchers
from .watching import LAGGED, PING, PING_S, RETRY

ASKED_EVERY_S: Final = 0.5
AT_ONCE: Final = 1_000
# Of what was sent last, for those who come back; and what one who was away longer may read again.
KEPT_RUNS_MAX: Final = 5_000
MISSED_PAGES_MAX: Final = 10
WATCHERS_MAX: Final = 5_000

log = logging.getLogger(__name__)

Ask = Callable[[str, Any], Any]
Show = Callable[[history.RunRecord], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one watcher is told.

    Attributes:
        has: Whether a run is one of his, but for its state.
        states: Numbers of states; empty: all.
    """

    has: Callable[[history.RunRecord], bool]
    states: frozenset[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes between two positions; each run as JSON, made once for all watchers."""

    after: int
    position: int
    runs: Sequence[tuple[history.RunRecord, bytes]]
    removed: Sequence[str]

    def event(self, wanted: Wanted) -> bytes:
        """Return what a watcher is told of it; nothing but the position, if nothing concerns him."""
        concerned = [(run, data) for run, data in self.runs if wanted.has(run)]
        shown = [data for run, data in concerned if not wanted.states or run.state in wanted.states]
        left = [shown_run(run.run_id) for run, _ in concerned if wanted.states and run.state not in wanted.states]
        if not (shown or left or self.removed):
            return b"id: %d\n\n" % self.position
        rest = msgspec.json.encode({"left": left, "removed": self.removed})
        data = b'{"runs":[' + b",".join(shown) + b"]," + rest[1:]
        return b"event: changes\nid: %d\ndata: %s\n\n" % (self.position, data)


class RunChanges:
    """The last changes of all runs. It asks for them while somebody watches.

    Args:
        ask: Calls the history.
        show: A run as JSON.
    """

    def __init__(self, ask: Ask, show: Show) -> None:
        self._ask, self._show = ask, show
        self._kept: deque[Batch] = deque()
        self._kept_runs = 0
        self._position = 0
        self._watchers = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stop = metrics.HTTP_STREAMS.register_one(lambda: self._watchers)
        self.is_closing = False

    def check_room(self) -> None:
        """Raise TooManyWatchers if no more may watch."""
        if self._watchers >= WATCHERS_MAX or self.is_closing:
            raise TooManyWatchers(f"this gateway serves {self._watchers} streams of runs, and no more; retry later")

    async def position(self) -> int:
        """Return the position of the last change now."""
        return (await self._ask("ListRuns", history.ListRunsRequest(page_size=1))).position

    async def stream(self, wanted: Wanted, after: int) -> AsyncGenerator[bytes]:
        """Yield events of what changes after a position, until the watcher lags or the gateway ends."""
        self._begin(after)
        try:
            yield RETRY
            yield b"id: %d\n\n" % after
            while not self.is_closing:
                news = self._news  # set and replaced by the next batch
                batches = await self._after(after)
                if batches is None:
                    metrics.HTTP_LAGGED.inc()
                    yield LAGGED
                    return
                for batch in batches:
                    yield batch.event(wanted)
                    after = batch.position
                if not batches:
                    try:
                        async with asyncio.timeout(PING_S):
                            await news.wait()
                    except TimeoutError:
                        yield PING
        finally:
            self._end()

    async def close(self) -> None:
        """End all streams."""
        self.is_closing = True
        self._wake()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._stop()

    def _begin(self, after: int) -> None:
        self._watchers += 1
        if self._task is None:
            self._kept.clear()
            self._kept_runs, self._position = 0, after
            self._task = asyncio.create_task(self._follow(), name="changes of runs")

    def _end(self) -> None:
        self._watchers -= 1
        if not self._watchers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _after(self, after: int) -> list[Batch] | None:
        """Return what came after a position; None if that is too much to be told."""
        floor = self._kept[0].after if self._kept else self._position
        if after >= floor:
            return [batch for batch in self._kept if batch.position > after]
        missed: list[Batch] = []
        for _ in range(MISSED_PAGES_MAX):
            try:
                batch, is_more = await self._read(missed[-1].position if missed else after)
            except ClientError as error:
                log.warning("cannot read changes of runs for a watcher: %s", error)
                return missed
            missed.append(batch)
            if not is_more:
                return missed
        return None

    async def _follow(self) -> None:
        while True:
            is_more = False
            try:
                batch, is_more = await self._read(self._position)
                self._keep(batch)
            except ClientError as error:
                log.warning("cannot follow the changes of runs, retrying: %s", error)
            if not is_more:
                await asyncio.sleep(ASKED_EVERY_S)

    async def _read(self, after: int) -> tuple[Batch, bool]:
        found = await self._ask("ListChanges", history.ListChangesRequest(after=after, limit=AT_ONCE))
        runs = [(run, msgspec.json.encode(self._show(run))) for run in found.runs]
        return Batch(after, found.position, runs, [shown_run(run) for run in found.removed]), found.more

    def _keep(self, batch: Batch) -> None:
        self._position = max(self._position, batch.position)
        if batch.position <= batch.after:
            return
        self._kept.append(batch)
        self._kept_runs += len(batch.runs)
        while self._kept_runs > KEPT_RUNS_MAX and len(self._kept) > 1:
            self._kept_runs -= len(self._kept.popleft().runs)
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
