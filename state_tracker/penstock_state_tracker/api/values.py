"""Values that events carry, by where they were recorded."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import name_of
from penstock_service.database import Database
from penstock_service.errors import DatabaseAway

from ..log import event_log as logs
from ..log.recent import Recent
from ..ownership.routing import Routing

POSITIONS_MAX: Final = 10_000
# For one database to answer while those who ask wait for others, too.
DATABASE_S: Final = 2.0
VALUES_AT_ONCE: Final = 500
# Of one failure, where there may be very many.
MESSAGE_CHARS_MAX: Final = 1_000

Position = tuple[int, int]  # shard, seq


class Values:
    def __init__(self, routing: Routing, recent: Recent) -> None:
        self._routing = routing
        self._recent = recent

    async def events(self, positions: Iterable[Position], away: set[int] | None = None) -> dict[Position, ev.Event]:
        """Return the events at these positions, from memory or by one query a database; missing ones are left out.

        Args:
            away: Gets the shards whose database does not answer; without it, DatabaseAway is raised.
        """
        found: dict[Position, ev.Event] = {}
        missing: list[Position] = []
        for position in positions:
            payload = self._recent.payload(*position)
            if payload is None:
                missing.append(position)
            else:
                found[position] = ev.Event.FromString(payload)
        if missing:
            await self._read(missing, found, away)
        return found

    async def _read(
        self, positions: Sequence[Position], found: dict[Position, ev.Event], away: set[int] | None
    ) -> None:
        of_each = [
            (database, [position for position in positions if self._routing.databases.get(position[0]) is database])
            for database in {id(one): one for one in self._routing.databases.values()}.values()
        ]
        asked = [_payloads(database, here, away) for database, here in of_each if here]
        for payloads in await asyncio.gather(*asked):
            found.update((position, ev.Event.FromString(payload)) for position, payload in payloads.items())


async def _payloads(database: Database, positions: list[Position], away: set[int] | None) -> dict[Position, bytes]:
    if away is None:
        return await logs.read_at(database, positions)
    try:
        return await asyncio.wait_for(logs.read_at(database, positions), DATABASE_S)
    except (DatabaseAway, TimeoutError):
        away.update(shard for shard, _ in positions)
        return {}


def carried(event: ev.Event) -> value_pb2.Values:
    """Return the values of an event: outputs of an action, inputs of a run, or what failed; none of any other."""
    match event.WhichOneof("kind"):
        case "action_succeeded":
            return event.action_succeeded.outputs
        case "run_submitted":
            return event.run_submitted.inputs
        case "action_failed":
            return value_pb2.Values(values=[_failure(event.action_failed)])
        case _:
            return value_pb2.Values()


def _failure(failed: ev.ActionFailed) -> value_pb2.Value:
    """Return what a list of failures says of one."""
    kind = failed.failure.type or name_of(ev.Cause, failed.cause)
    said = {"kind": kind, "message": failed.failure.message[:MESSAGE_CHARS_MAX], "attempts": failed.attempt}
    text = json.dumps(said).encode()
    return value_pb2.Value(codec="json", inline=text, size_bytes=len(text), type_name="dict")
