"""Runs that take over outputs of ended runs: what they name is checked, and noted so that it is not removed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from penstock_access import calling
from penstock_plan.graph import BRANCH, MAP, PlanGraph
from penstock_plan.growth import ADDED_NODES_MAX, GrownGraph, RunGraph, graph_of_run
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.successes import numbers, unpacked
from penstock_proto.wire import pieces
from penstock_service.database import Database

from ..errors import BadRequest, ForkRefused, RunNotFound, RunRemoved, run_text
from ..log import event_log as logs
from ..ownership.routing import Routing
from .lookup import Lookup
from .values import POSITIONS_MAX, VALUES_AT_ONCE, Values, carried

SUCCEEDED: Final = logs.KINDS["action_succeeded"]

WHAT_IS_THERE: Final = "SELECT seq, run_id, kind FROM events WHERE shard = $1 AND seq = ANY($2::bigint[])"
# Whoever removes one of them waits until the reference is there, and then sees it.
HOLD: Final = "SELECT run_id FROM runs WHERE run_id = ANY($1::uuid[]) AND removed_at IS NULL FOR SHARE"
REFER: Final = """
INSERT INTO run_references (origin, run_id) SELECT origin, $2::uuid FROM unnest($1::uuid[]) AS held (origin)
ON CONFLICT DO NOTHING"""


class Forks:
    def __init__(self, routing: Routing, lookups: Mapping[int, Lookup], values: Values) -> None:
        self._routing = routing
        self._lookups = lookups
        self._values = values

    async def check(self, request: api.SubmitRequest, graph: PlanGraph) -> None:
        """Check what a request takes over, and keep it from being removed.

        Raises:
            BadRequest, RunNotFound, ForkRefused, DatabaseAway.
        """
        shard, fork = self._routing.shard(request.run_id), request.fork
        nodes = nodes_taken_over(fork, graph)
        await self._check_origin(shard, fork.run_id)
        if not nodes:
            return
        database = self._routing.databases[shard]
        origins = await self._origins(shard, fork.run_id, nodes, database)
        async with database.acquire() as connection, connection.transaction():
            held = {row["run_id"] for row in await connection.fetch(HOLD, origins)}
            if gone := sorted(set(origins) - held):
                raise ForkRefused(f"run {run_text(gone[0])} was removed, and its outputs with it; submit a new run")
            await connection.execute(REFER, origins, request.run_id)

    async def values(self, request: api.ReadReusedRequest, first_seq: int) -> AsyncIterator[api.ReadReusedResponse]:
        """Yield outputs that a run took over. Raises BadRequest for positions that it did not."""
        shard = self._routing.shard(request.run_id)
        if len(request.seqs) > POSITIONS_MAX:
            raise BadRequest(f"{len(request.seqs):,} positions at once; at most {POSITIONS_MAX:,} are read")
        if foreign := set(request.seqs) - await self._reused(shard, first_seq):
            raise BadRequest(f"run {run_text(request.run_id)} took over nothing at position {min(foreign)}")
        for at in range(0, len(request.seqs), VALUES_AT_ONCE):
            found = await self._values.events((shard, seq) for seq in request.seqs[at : at + VALUES_AT_ONCE])
            values = [
                api.RecordedValues(shard=shard, seq=seq, values=carried(event)) for (_, seq), event in found.items()
            ]
            for piece in pieces(each.ByteSize() for each in values):
                yield api.ReadReusedResponse(values=values[piece])

    async def _check_origin(self, shard: int, run_id: bytes) -> None:
        if self._routing.shard(run_id) != shard:
            raise BadRequest("a fork is in the shard of its origin: the last four bytes of their ids are equal")
        row = (await self._lookups[shard].find([run_id])).get(run_id)
        if row is None or not calling.sees(row["team"]):
            raise RunNotFound(run_id)
        if row["removed_at_us"]:
            raise RunRemoved(run_id, row["removed_at_us"])
        if row["state"] < logs.ENDED_STATE_MIN:
            raise ForkRefused(f"run {run_text(run_id)} has not ended; cancel it, or wait for its end, and fork it then")

    async def _origins(
        self, shard: int, run_id: bytes, nodes: Sequence[tuple[int, int]], database: Database
    ) -> list[bytes]:
        """Return the runs whose outputs these are; raise BadRequest unless the origin has them."""
        rows = await database.fetch(WHAT_IS_THERE, shard, [seq for _, seq in nodes])
        there: dict[int, bytes] = {row["seq"]: row["run_id"] for row in rows if row["kind"] == SUCCEEDED}
        inherited: set[int] | None = None
        for node, seq in nodes:
            if there.get(seq) == run_id:
                continue
            if inherited is None:
                row = (await self._lookups[shard].find([run_id]))[run_id]
                inherited = await self._reused(shard, row["first_seq"])
            if seq not in there or seq not in inherited:
                raise BadRequest(f"node {node}: position {seq} has no output of run {run_text(run_id)}; fork it again")
        return sorted({there[seq] for _, seq in nodes})

    async def _reused(self, shard: int, first_seq: int) -> set[int]:
        """Return the positions that a run took over, by where it was submitted."""
        events = await self._values.events([(shard, first_seq)])
        submitted = events.get((shard, first_seq), ev.Event()).run_submitted
        return {seq for _, seq in unpacked(submitted.reused)}


def nodes_taken_over(fork: api.Fork, graph: PlanGraph) -> list[tuple[int, int]]:
    """Return the nodes that are taken over with their positions; raise BadRequest if they are not of the plan."""
    try:
        nodes = list(unpacked(fork.reused))
    except ValueError:
        raise BadRequest("what is reused has not as many positions as nodes") from None
    known, grown = fork.reused, _grown(fork.reused, graph)
    columns = known.node_steps, known.not_taken_steps, known.failed_steps, known.skipped_steps
    if any(step < 1 for column in columns for step in column[1:]):
        raise BadRequest("what is reused are nodes, ascending")
    reused, *others = (set(numbers(column)) for column in columns)
    not_taken, left_out = others[0], others[1] | others[2]
    every = reused | not_taken | left_out
    if sum(map(len, columns)) != len(every) or any(not 0 <= node < grown.size for node in every):
        raise BadRequest(f"what is reused are nodes of the run, each once; it begins with {grown.size} nodes")
    if every & grown.finals.keys():
        raise BadRequest("what a run executes at its end, it executes at each: it is not reused")
    if any(not 1 <= seq < 2**62 for _, seq in nodes):
        raise BadRequest("what is reused is at positions of the log, from 1")
    if grown.has_control:
        _check_decided(grown, reused, not_taken, left_out)
    for node in reused:
        for parent in grown.parents[node] if grown.has_control else grown.value_parents[node]:
            if parent >= 0 and parent not in every:
                raise BadRequest(f"node {node} is reused, but node {parent}, which it depends on, is not")
    return nodes


def _grown(known: ev.Successes, plan: PlanGraph) -> RunGraph:
    """Return the graph of a run that begins so; raise BadRequest if it cannot grow like that."""
    graph = graph_of_run(plan)
    seen: set[int] = set()
    for growth in known.growths:
        node, items = growth.node, growth.items
        if not isinstance(graph, GrownGraph) or not 0 <= node < graph.size or graph.kinds[node] != MAP:
            raise BadRequest(f"node {node} is not a map, and adds no nodes")
        if node in seen or (node < plan.size and plan.maps[node]) or items < 1:
            raise BadRequest(f"map {node} adds nodes once, for one item or more, and not where it is within another")
        if graph.size - plan.size + graph.added_by(node, items) > ADDED_NODES_MAX:
            raise BadRequest(f"maps would add more than {ADDED_NODES_MAX:,} nodes to the run")
        graph.grow(node, items)
        seen.add(node)
    return graph


def _check_decided(graph: RunGraph, reused: set[int], not_taken: set[int], left_out: set[int]) -> None:
    """Raise BadRequest if what was decided does not go with what is reused."""
    assert isinstance(graph, GrownGraph), "only such a graph has maps and branches"
    if missing := [growth.node for growth in graph.growths if growth.node not in reused]:
        raise BadRequest(f"map {missing[0]} adds nodes, but is not reused itself")
    if within := [node for node in reused | not_taken | left_out if node < graph.plan.size and graph.plan.maps[node]]:
        raise BadRequest(f"node {min(within)} is within a map, and only executed for its items")
    branches = [node for node in reused if graph.kinds[node] == BRANCH]
    if not_taken - {node for branch in branches for node in graph.not_taken(branch, -1)}:
        raise BadRequest(f"node {min(not_taken)} is on no side of a branch that is reused")
    over = reused | not_taken | left_out
    for node in left_out:
        if not over.issuperset(graph.children[node]) or not graph.children[node]:
            raise BadRequest(f"node {node} is left out, but something waits for it")
