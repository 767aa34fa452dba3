"""How runs have ended and what came out of them: put together from the log, for many runs at once."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import OWNER_TRAILER, pieces
from penstock_service.answers import Answer
from penstock_service.database import Row

from ..errors import RunNotFound
from ..log import event_log as logs
from ..ownership.routing import Routing
from .lookup import Found, Lookup
from .values import Position, Values, carried

# gRPC's numbers of the statuses that a run may be refused with.
STATUS_CODES: Final = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "FAILED_PRECONDITION": 9, "UNAVAILABLE": 14}


@dataclass(frozen=True, slots=True)
class Ended:
    """A run whose end is in the log."""

    run_id: bytes
    shard: int
    last_seq: int
    # Empty: not known yet.
    plan: bytes


class Results:
    def __init__(self, routing: Routing, values: Values, lookup_of: Callable[[int], Lookup]) -> None:
        self._routing = routing
        self._values = values
        self._lookup_of = lookup_of

    async def of(self, ended: Sequence[Ended]) -> list[api.RunResult]:
        """Return the results of runs that have ended: two reads for all of them, most often from memory."""
        ends = await self._values.events((one.shard, one.last_seq) for one in ended)
        wanted = [
            (one.shard, seq)
            for one in ended
            if (end := ends.get((one.shard, one.last_seq))) is not None
            for seq in (*(output.seq for output in end.run_ended.outputs), end.run_ended.failure_seq)
            if seq
        ]
        found = await self._values.events(wanted)
        rows = await self._rows(ended, ends)
        return [await self._result(one, ends.get((one.shard, one.last_seq)), found, rows) for one in ended]

    async def _rows(self, ended: Sequence[Ended], ends: dict[Position, ev.Event]) -> Found:
        """Return the rows of those runs of which more must be known."""
        rows: Found = {}
        for one in ended:
            end = ends.get((one.shard, one.last_seq))
            if not one.plan or (end is not None and _has_unknown_failure(end.run_ended)):
                rows.update(await self._lookup_of(one.shard).find([one.run_id]))
        return rows

    async def _result(
        self, one: Ended, end: ev.Event | None, found: dict[Position, ev.Event], rows: Found
    ) -> api.RunResult:
        row: Row = rows.get(one.run_id)
        plan: bytes = row["plan"] if row is not None else one.plan
        if end is None or not plan:
            return refused(one.run_id, RunNotFound(one.run_id))
        how = end.run_ended
        result = api.RunResult(run_id=one.run_id, plan=plan, state=how.state, failed_node=how.failed_node)
        for output in how.outputs:
            event = found.get((one.shard, output.seq))
            if event is not None:
                result.outputs.add(node=output.node, values=carried(event))
        failure = found.get((one.shard, how.failure_seq))
        if failure is not None:
            result.failure.CopyFrom(failure.action_failed)
        elif _has_unknown_failure(how) and row is not None:
            await self._explain(result, one, row)
        return result

    async def _explain(self, result: api.RunResult, one: Ended, row: Row) -> None:
        """Look for the failure, where the end of the run does not say where it is."""
        database = self._routing.histories[one.shard]
        since_us = row["submitted_at_us"]
        failures = logs.read_failures(database, one.shard, row["first_seq"], one.last_seq, one.run_id, since_us)
        async with aclosing(failures) as found:
            async for failed in found:
                if failed.node == result.failed_node:
                    result.failure.CopyFrom(failed)
                    return


def _has_unknown_failure(how: ev.RunEnded) -> bool:
    return how.state == ev.RUN_STATE_FAILED and how.failed_node >= 0 and not how.failure_seq


def refused(run_id: bytes, error: Answer) -> api.RunResult:
    owner = dict(error.trailers).get(OWNER_TRAILER, "")
    code = STATUS_CODES.get(error.status, 2)
    return api.RunResult(run_id=run_id, failed_node=-1, code=code, detail=error.detail, owner=owner)


def messages(results: Sequence[api.RunResult]) -> list[api.ResultsResponse]:
    """Put as many results into each message as fit."""
    sizes = (result.ByteSize() for result in results)
    return [api.ResultsResponse(results=results[piece]) for piece in pieces(sizes)]
