"""Runs that go on after their end: rebuilt from the log, and opened again."""

import time
from collections.abc import Mapping
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Row

from ..core.past import Past
from ..errors import RetryRefused, RunNotFound, RunRemoved, run_text
from ..log import event_log as logs
from ..ownership.routing import Routing
from ..plans import Plans
from .lookup import Lookup
from .turns import Turns

# An event has to fit a message to everybody who follows the log.
EVENT_BYTES_MAX: Final = 2**20


class Reopenings:
    """Args:
    turns: Of whatever changes ended runs.
    """

    def __init__(self, routing: Routing, plans: Plans, lookups: Mapping[int, Lookup], turns: Turns) -> None:
        self._routing = routing
        self._plans = plans
        self._lookups = lookups
        self._turns = turns

    async def reopen(self, run_id: bytes, caller: ev.Caller, parent: bytes = b"") -> api.RetryResponse:
        """Continue a run whose shard is owned here, once that is in the log; an open one stays as it is.

        Args:
            parent: The run that waits for it again.

        Raises:
            RunNotFound, RunRemoved, RetryRefused; NotOwner, ShardAway and DatabaseAway as every command.
        """
        shard = self._routing.shard(run_id)
        owned = self._routing.mine(shard)
        count, state = 0, ev.RUN_STATE_RUNNING
        async with self._turns.of(run_id):
            await owned.wait_committed()  # its end may be on the way
            if run_id not in owned.core.runs:
                row = await self._ended(shard, run_id)
                event = await self._event(shard, run_id, row, caller)
                event.parent_run_id = parent
                await self._plans.ensure([event.plan])
                owned = self._routing.mine(shard)
                with self._routing.guard_decision(owned):
                    events = owned.core.reopen(run_id, event, time.monotonic())
                reopened = owned.core.runs.get(run_id)
                count = 0 if reopened is None else reopened.open
                self._routing.committers[shard].add(owned, events)
                state = events[-1].run_ended.state or state  # all of it had succeeded
        await owned.wait_committed()
        run = owned.core.runs.get(run_id)
        return api.RetryResponse(state=state if run is None else run.state, reopened=count)

    async def _ended(self, shard: int, run_id: bytes) -> Row:
        row = (await self._lookups[shard].find([run_id])).get(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if row["removed_at_us"]:
            raise RunRemoved(run_id, row["removed_at_us"])
        if row["state"] == ev.RUN_STATE_SUCCEEDED:
            raise RetryRefused(f"run {run_text(run_id)} has succeeded: fork it to run it again")
        return row

    async def _event(self, shard: int, run_id: bytes, row: Row, caller: ev.Caller) -> ev.RunReopened:
        """Read the run's events, and return the one by which it goes on."""
        await self._plans.ensure([row["plan"]])
        past = Past(run_id, self._plans.graphs)
        first_seq, last_seq, since_us = row["first_seq"], row["last_seq"], row["submitted_at_us"]
        history = self._routing.histories[shard]
        async for rows in logs.read_run(history, shard, first_seq, last_seq, run_id, since_us):
            await self._plans.ensure([row["plan"]])  # it took a while
            for seq, _, payload in rows:
                past.apply(seq, ev.Event.FromString(payload))
        reopened = past.reopened(caller, since_us)
        if reopened is None:
            raise RunNotFound(run_id)
        if reopened.ByteSize() > EVENT_BYTES_MAX:
            raise RetryRefused(f"run {run_text(run_id)} has too many nodes to be reopened; fork it instead")
        return reopened
