"""The teams that runs belong to, for access control."""

from collections.abc import Callable, Iterable

from penstock_access import calling

from ..ownership.routing import Routing
from .lookup import Lookup


async def team_of(routing: Routing, lookup_of: Callable[[int], Lookup], run_id: bytes) -> str | None:
    """Return the team of a run; None if there is no such run."""
    shard = routing.shard(run_id)
    owned = routing.current(shard)
    run = owned.core.runs.get(run_id) if owned is not None else None
    if run is not None:
        return run.team
    if owned is not None and owned.core.seq > owned.committed:
        await owned.wait_committed()  # its end may be on the way
    row = (await lookup_of(shard).find([run_id])).get(run_id)
    return None if row is None else row["team"]


async def hidden(routing: Routing, lookup_of: Callable[[int], Lookup], run_ids: Iterable[bytes]) -> set[bytes]:
    """Return those of some runs that the caller may not see. A worker sees all: it executes for every team."""
    if calling.sees_all():
        return set()
    found: set[bytes] = set()
    for run_id in run_ids:
        team = await team_of(routing, lookup_of, run_id)
        if team is None or not calling.sees(team):
            found.add(run_id)
    return found
