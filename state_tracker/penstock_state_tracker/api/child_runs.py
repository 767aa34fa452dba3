"""Starts the child runs of the shards that are owned here, and ends the nodes that wait for them.

What is open is in the log: a node that began to wait, and a run that names its parent. So whoever owns a shard begins
again with what is open; a child's id follows from its parent, and a second start or end of it changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import grpc
from penstock_plan.children import Child
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import child_run_id
from penstock_service.answers import Answer
from penstock_service.errors import DatabaseAway

from ..core import child_runs as core
from ..core.run import Run
from ..core.transitions import WAITING
from ..errors import ShardAway, run_text
from ..log import event_log as logs
from ..log.shard_state import Owned
from ..ownership.routing import Routing
from .inquiry import Inquiry
from .instances import Instances
from .lookup import Lookup
from .results import Results
from .values import Values

# What could not be done is tried again, and what others own is asked for, after so long.
AGAIN_S: Final = 1.0
# How often children are looked for that nobody waits for any longer.
ORPHANS_EVERY_S: Final = 1.0
AT_ONCE_MAX: Final = 500
# What no repetition changes. Anything else may be a database that is away, or an owner that changes.
FINAL: Final = frozenset(
    code.value[0]
    for code in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.DATA_LOSS,
    )
)
EXISTS: Final = grpc.StatusCode.ALREADY_EXISTS.value[0]
RETRY_REFUSED: Final = FINAL | {grpc.StatusCode.FAILED_PRECONDITION.value[0]}

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Open:
    """A node that waits for its child run.

    Attributes:
        number: Of its child runs: a node that is tried again with other inputs starts another one.
        is_retried: The child may have ended before this attempt, and was let go on since.
    """

    owned: Owned
    run: Run
    node: int
    child: Child
    attempt: int
    number: int = 1
    is_retried: bool = False

    @property
    def id(self) -> bytes:
        return child_run_id(self.run.run_id, self.node, self.number)

    @property
    def is_awaited(self) -> bool:
        """Whether the node still waits, as far as this process may say."""
        core, run = self.owned.core, self.run
        return (
            not self.owned.is_lost
            and core.runs.get(run.run_id) is run
            and run.status[self.node] == WAITING
            and run.attempt(self.node) == self.attempt
        )


class ChildRuns:
    """Args:
    lookup_of: Returns the lookup of a shard.
    """

    def __init__(
        self,
        routing: Routing,
        instances: Instances,
        values: Values,
        results: Results,
        lookup_of: Callable[[int], Lookup],
    ) -> None:
        self._routing, self._instances, self._values = routing, instances, values
        self._results, self._lookup_of = results, lookup_of
        self._inquiry = Inquiry(routing, lookup_of)
        self._followed: dict[bytes, Open] = {}
        self._again: list[Open] = []
        self._tasks: list[asyncio.Task[None]] = []
        # Something was decided by which child runs are to be started.
        self.wake = asyncio.Event()

    @property
    def open(self) -> int:
        """Number of child runs whose ends are waited for here."""
        return len(self._followed)

    def start(self) -> None:
        """Begin with what is open."""
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "start child runs": self._start_fresh,
            "end the nodes of child runs": self._take_ends,
            "cancel child runs": self._cancel_orphans,
        }
        self._tasks = [asyncio.create_task(_keep(what, step), name=what) for what, step in steps.items()]

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._inquiry.close()
        await self._instances.close()

    # Starting

    async def _start_fresh(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await self.wake.wait()
        self.wake.clear()
        again, self._again = self._again, []
        fresh = [one for one in again if one.is_awaited]
        for owned in self._routing.all_current():
            keys, owned.core.waits.child_runs = owned.core.waits.child_runs, {}
            fresh += [found for run_id, node in keys if (found := _open(owned, run_id, node)) is not None]
        for at in range(0, len(fresh), AT_ONCE_MAX):
            part = fresh[at : at + AT_ONCE_MAX]
            try:
                await self._begin(part)
            except Exception as trouble:
                if isinstance(trouble, Answer):
                    log.warning("cannot start %d child runs now, retrying: %s", len(part), trouble)
                else:
                    log.exception("cannot start %d child runs now, retrying", len(part))
                self._again += part

    async def _begin(self, fresh: Sequence[Open]) -> None:
        """Start these runs, and follow them to their end."""
        asked: list[Open] = []
        requests: list[api.SubmitRequest] = []
        for one, request in await self._requests(fresh):
            if isinstance(request, str):
                self._end(one, core.failed(one.run, one.node, one.id, f"was not started: {request}"))
            else:
                asked.append(one)
                requests.append(request)
        begun: list[bytes] = []
        for one, outcome in zip(asked, await self._instances.submit_many(requests), strict=True):
            if outcome.code == EXISTS and one.number < one.attempt:
                one.number += 1  # an earlier attempt had other inputs
                self._put_back(one)
            elif outcome.code in FINAL:
                self._end(one, core.failed(one.run, one.node, one.id, f"was not started: {outcome.detail}"))
            elif outcome.code and outcome.code != EXISTS:
                self._again.append(one)
            elif one.is_awaited:
                self._followed[one.id] = one
                begun.append(one.id)
        await self._inquiry.ask(begun)

    def _put_back(self, one: Open) -> None:
        self._again.append(one)
        self.wake.set()

    async def _requests(self, fresh: Sequence[Open]) -> list[tuple[Open, api.SubmitRequest | str]]:
        """Return by which requests those runs are started that are waited for, or why they are not."""
        for owned in {one.owned for one in fresh}:
            with suppress(ShardAway):
                await owned.wait_committed()  # the outputs that they are started with may be on the way
        waiting = [one for one in fresh if one.is_awaited]
        wanted = [core.positions(one.run, one.child) for one in waiting]
        events = await self._values.events(
            {(one.owned.shard, seq) for one, of_one in zip(waiting, wanted, strict=True) for seq in of_one.values()}
        )
        found: list[tuple[Open, api.SubmitRequest | str]] = []
        for one, of_one in zip(waiting, wanted, strict=True):
            recorded = {node: events.get((one.owned.shard, seq), ev.Event()) for node, seq in of_one.items()}
            found.append((one, core.request(one.run, one.node, one.child, one.id, recorded)))
        return found

    # Following

    async def _take_ends(self) -> None:
        async for response in self._inquiry.answers(self._results):
            for result in response.results:
                one = self._followed.pop(result.run_id, None)
                if one is not None and one.is_awaited:
                    await self._take(one, result)

    async def _take(self, one: Open, result: api.RunResult) -> None:
        if result.code in FINAL:
            self._end(one, core.failed(one.run, one.node, one.id, f"is gone: {result.detail}"))
        elif result.code:
            self._again.append(one)
        elif result.state == ev.RUN_STATE_SUCCEEDED or one.attempt == 1 or one.is_retried:
            self._end(one, core.ended(one.run, one.node, one.child, result))
        else:
            await self._retry(one)

    async def _retry(self, one: Open) -> None:
        """Let a child go on that ended with the attempt before."""
        caller = ev.Caller.FromString(one.run.caller)
        code, detail = await self._instances.retry(one.id, caller, one.run.run_id)
        if code in RETRY_REFUSED:
            self._end(one, core.failed(one.run, one.node, one.id, f"cannot go on: {detail}"))
        else:
            one.is_retried = not code
            self._put_back(one)

    def _end(self, one: Open, report: reports_pb2.Report) -> None:
        owned = one.owned
        if self._routing.current(owned.shard) is not owned:
            return  # its next owner ends it
        with self._routing.guard_decision(owned):
            events = owned.core.end_child(report, time.monotonic())
        if events:
            self._routing.committers[owned.shard].add(owned, events)

    # Cancelling

    async def _cancel_orphans(self) -> None:
        """Cancel the children of nodes that do not wait any longer, and of parents that have ended elsewhere."""
        await asyncio.sleep(ORPHANS_EVERY_S)
        for child, one in list(self._followed.items()):
            if not one.is_awaited:
                del self._followed[child]
                if not one.owned.is_lost:  # else its next owner follows it
                    self._cancel(child, one.run.run_id)
        owned_here = self._routing.all_current()
        parents = {child: parent for owned in owned_here for child, parent in owned.core.parents.items()}
        by_lookup: dict[Lookup, set[bytes]] = {}
        for parent in set(parents.values()):
            shard = self._routing.shard(parent)
            owned = self._routing.current(shard)
            if owned is None or parent not in owned.core.runs:
                by_lookup.setdefault(self._lookup_of(shard), set()).add(parent)
        for lookup, wanted in by_lookup.items():
            rows = await lookup.find(list(wanted))
            ended = {each for each in wanted if (row := rows.get(each)) and row["state"] >= logs.ENDED_STATE_MIN}
            for child, parent in parents.items():
                if parent in ended:
                    self._cancel(child, parent)

    def _cancel(self, child_id: bytes, parent: bytes) -> None:
        """Cancel a child run, if it is owned here; otherwise its owner does."""
        owned = self._routing.current(self._routing.shard(child_id))
        run = owned.core.runs.get(child_id) if owned is not None else None
        if owned is None or run is None:
            return
        caller, reason = ev.Caller.FromString(run.caller), f"its parent, run {run_text(parent)}, waits for it no longer"
        with self._routing.guard_decision(owned):
            events = owned.core.cancel(child_id, caller, reason, time.monotonic())
        if events:
            self._routing.committers[owned.shard].add(owned, events)


def _open(owned: Owned, run_id: bytes, node: int) -> Open | None:
    run = owned.core.runs.get(run_id)
    child = core.child_of(run, node) if run is not None else None
    if run is None or child is None or node not in run.waits.begun:
        return None
    return Open(owned, run, node, child, run.attempt(node))


async def _keep(what: str, step: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await step()
        except DatabaseAway as away:
            log.warning("cannot %s now, retrying: %s", what, away)
            await asyncio.sleep(AGAIN_S)
        except Exception:
            log.exception("cannot %s now, retrying", what)
            await asyncio.sleep(AGAIN_S)
