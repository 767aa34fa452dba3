"""The gRPC service: questions about runs that have been, answered from the tables."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from penstock_access import calling
from penstock_plan.growth import RunGraph
from penstock_proto.history.v1 import service_pb2 as api
from penstock_proto.history.v1 import service_pb2_grpc
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import RUN_ID_BYTES
from penstock_service.database import Database, Row
from penstock_service.plans import Plans

from ..core import nodes as node_states
from ..core import summary
from ..core.nodes import Nodes
from ..errors import BadRequest, RunNotFound
from ..shell.intake import Intake
from ..shell.outline import Outline, graph_of
from ..shell.writer import empty
from . import artifacts, changes, lists, pages, statistics

COMPARED_MAX: Final = 20
PLAN_MAX_S: Final = 10.0
ORDERS: Final = {
    api.NODE_ORDER_UNSPECIFIED: "plan",
    api.NODE_ORDER_PLAN: "plan",
    api.NODE_ORDER_STARTED: "started",
    api.NODE_ORDER_DURATION: "duration",
}
STATUS_OF: Final = {name: number for number, name in node_states.STATUSES.items()}
DETAILS: Final = ", inputs, columns"
UNKNOWN: Final = -1  # how far behind: another process writes

T = TypeVar("T")


class Service(service_pb2_grpc.HistoryServiceServicer):
    """Answers from the tables, whichever process writes them."""

    def __init__(
        self, url: str, database: Database, plans: Plans[Outline], intake: Callable[[], Intake | None]
    ) -> None:
        self._url, self._database, self._plans, self._intake = url, database, plans, intake

    async def ListRuns(self, request: api.ListRunsRequest, context: Any) -> api.ListRunsResponse:
        position = await lists.position(self._database)  # first: what changes meanwhile is told again
        rows, token = await lists.runs(self._database, request)
        runs = map(lists.record, rows)
        return api.ListRunsResponse(runs=runs, next_page_token=token, lag=self._lag(), position=position)

    async def ListChanges(self, request: api.ListChangesRequest, context: Any) -> api.ListChangesResponse:
        return await changes.after(self._database, request)

    async def CountRuns(self, request: api.CountRunsRequest, context: Any) -> api.CountRunsResponse:
        return api.CountRunsResponse(counts=await lists.counts(self._database, request), lag=self._lag())

    async def GetRun(self, request: api.GetRunRequest, context: Any) -> api.GetRunResponse:
        (row,) = await self._rows([request.run_id])
        found = await self._outline(row["plan"])
        response = api.GetRunResponse(run=lists.record(row), inputs=_inputs(row, found))
        nodes, graph = _grown(row, found)
        if nodes is not None and graph is not None:
            response.operators.extend(await _in_thread(len(nodes), partial(_figures, graph, nodes)))
            path = await _in_thread(len(nodes), partial(summary.critical_path, graph, nodes))
            response.critical_path.extend(path)
        return response

    async def ListNodes(self, request: api.ListNodesRequest, context: Any) -> api.ListNodesResponse:
        size = pages.size_of(request.page_size)
        if request.order not in ORDERS:
            raise BadRequest(f"unknown order {request.order}")
        if unknown := set(request.statuses).difference(STATUS_OF):
            raise BadRequest(f"unknown status {min(unknown)!r}: choose from {', '.join(STATUS_OF)}")
        question = api.ListNodesRequest()
        question.CopyFrom(request)
        question.page_size, question.page_token = 0, ""
        digest = pages.digest_of(question)
        first = pages.place(request.page_token, digest)[0] if request.page_token else 0
        (row,) = await self._rows([request.run_id])
        nodes, graph = _grown(row, await self._outline(row["plan"]))
        if nodes is None or graph is None:
            return api.ListNodesResponse()
        shown = await _in_thread(
            len(nodes),
            partial(
                summary.window,
                graph,
                nodes,
                operator=request.operator,
                statuses=frozenset(STATUS_OF[name] for name in request.statuses),
                order=ORDERS[request.order],
                first=first,
                size=size,
            ),
        )
        more = first + size < shown.total
        return api.ListNodesResponse(
            nodes=[_node(graph, nodes, node) for node in shown.nodes],
            total=shown.total,
            next_page_token=pages.token(first + size, row["run_id"], digest) if more else "",
        )

    async def Compare(self, request: api.CompareRequest, context: Any) -> api.CompareResponse:
        if not 2 <= len(request.run_ids) <= COMPARED_MAX:
            raise BadRequest(f"2 to {COMPARED_MAX} runs can be compared, not {len(request.run_ids)}")
        rows = await self._rows(request.run_ids)
        outlines = {plan: await self._outline(plan) for plan in {row["plan"] for row in rows}}
        inputs = [_inputs(row, outlines[row["plan"]]) for row in rows]
        summaries: list[list[api.OperatorSummary]] = []
        for row in rows:
            nodes, graph = _grown(row, outlines[row["plan"]])
            if nodes is None or graph is None:
                summaries.append([])
            else:
                summaries.append(await _in_thread(len(nodes), partial(_figures, graph, nodes)))
        return api.CompareResponse(
            runs=map(lists.record, rows),
            inputs=_input_rows(inputs),
            operators=_operator_rows(summaries),
            same_plan=len({row["plan"] for row in rows}) == 1,
        )

    async def ListArtifacts(self, request: api.ListArtifactsRequest, context: Any) -> api.ListArtifactsResponse:
        found = await artifacts.artifacts(self._database, request)
        found.lag.CopyFrom(self._lag())
        return found

    async def Statistics(self, request: api.StatisticsRequest, context: Any) -> api.StatisticsResponse:
        rows, more = await statistics.rows(self._database, request)
        return api.StatisticsResponse(rows=rows, more=more, lag=self._lag())

    async def Status(self, request: api.StatusRequest, context: Any) -> api.StatusResponse:
        intake = self._intake()
        runs = await self._database.fetchval(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'penstock_history.runs'::regclass"
        )
        open_runs = await self._database.fetchval("SELECT count(*) FROM penstock_history.open_runs")
        taken = intake.events_taken if intake is not None else 0
        return api.StatusResponse(
            lag=self._lag(), writes=intake is not None, runs=runs, open_runs=open_runs, events_taken=taken
        )

    async def Rebuild(self, request: api.RebuildRequest, context: Any) -> api.RebuildResponse:
        await empty(self._url)
        return api.RebuildResponse()

    def _lag(self) -> api.Lag:
        intake = self._intake()
        return api.Lag(events=round(sum(lag for _, lag in intake.lag())) if intake is not None else UNKNOWN)

    async def _rows(self, run_ids: Sequence[bytes]) -> list[Row]:
        for run_id in run_ids:
            if len(run_id) != RUN_ID_BYTES:
                raise BadRequest(f"invalid run id: expected a UUID of {RUN_ID_BYTES} bytes, not {len(run_id)}")
        rows = await lists.by_id(self._database, run_ids, DETAILS)
        for run_id in run_ids:
            if run_id not in rows or not calling.sees(rows[run_id]["team"]):
                raise RunNotFound(run_id)
        return [rows[run_id] for run_id in run_ids]

    async def _outline(self, plan: bytes) -> Outline | None:
        """Return the outline of a plan; None if it is gone, or no State Tracker answers in time."""
        try:
            async with asyncio.timeout(PLAN_MAX_S):
                await self._plans.have(plan)
        except TimeoutError:
            return None
        return self._plans.get(plan)


async def _in_thread(nodes: int, work: Callable[[], T]) -> T:
    """Do what takes long for many nodes beside the loop."""
    return work() if nodes <= 1_000 else await asyncio.to_thread(work)


def _grown(row: Row, found: Outline | None) -> tuple[Nodes | None, RunGraph | None]:
    """Return a run's nodes and its graph as it has grown; None while it is open, or where its plan is gone."""
    nodes = Nodes.unpack(row["columns"]) if row["columns"] else None
    return nodes, None if nodes is None else graph_of(found, nodes)


def _figures(graph: RunGraph, nodes: Nodes) -> list[api.OperatorSummary]:
    return [_summary(operator, one) for operator, one in summary.by_operator(graph, nodes).items()]


def _summary(operator: str, figures: summary.OperatorFigures) -> api.OperatorSummary:
    counts = {name: figures.counts.get(number, 0) for number, name in node_states.STATUSES.items() if name != "waiting"}
    return api.OperatorSummary(
        operator=operator,
        counts=api.Counts(nodes=figures.nodes, **counts),
        retries=figures.retries,
        busy_us=figures.busy_us,
        p50_us=figures.percentile_us(0.5),
        p95_us=figures.percentile_us(0.95),
        max_us=figures.max_us,
        waited_us=figures.waited_us,
        first_us=figures.first_us,
        last_us=figures.last_us,
    )


def _node(graph: RunGraph, nodes: Nodes, node: int) -> api.NodeRecord:
    return api.NodeRecord(
        node=node,
        name=graph.name_of(node),
        operator=graph.operators[node],
        status=node_states.STATUSES.get(nodes.status[node], "waiting"),
        attempts=nodes.attempts[node],
        ready_us=summary.ready_us(graph, nodes, node),
        started_us=nodes.started_us(node),
        ended_us=nodes.ended_us[node],
        duration_us=nodes.duration_us[node],
    )


def _inputs(row: Row, found: Outline | None) -> list[api.NamedValue]:
    values = value_pb2.Values.FromString(row["inputs"]).values
    names = found.inputs if found is not None and len(found.inputs) == len(values) else None
    return [
        api.NamedValue(name=names[place] if names is not None else f"input {place}", value=value)
        for place, value in enumerate(values)
    ]


def _input_rows(inputs: Sequence[Sequence[api.NamedValue]]) -> list[api.InputRow]:
    names = dict.fromkeys(each.name for of_run in inputs for each in of_run)
    rows: list[api.InputRow] = []
    for name in names:
        values = [next((each.value for each in of_run if each.name == name), value_pb2.Value()) for of_run in inputs]
        differs = len({value.SerializeToString(deterministic=True) for value in values}) > 1
        rows.append(api.InputRow(name=name, values=values, differs=differs))
    return rows


def _operator_rows(summaries: Sequence[Sequence[api.OperatorSummary]]) -> list[api.OperatorRow]:
    names = dict.fromkeys(each.operator for of_run in summaries for each in of_run)
    return [
        api.OperatorRow(
            operator=name,
            summaries=[
                next((each for each in of_run if each.operator == name), api.OperatorSummary()) for of_run in summaries
            ],
        )
        for name in names
    ]
