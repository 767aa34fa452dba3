"""The history of all runs as the client calls it: search, comparisons and statistics."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from penstock_proto.history.v1 import service_pb2
from penstock_proto.plan.v1 import plan_pb2

from .connection import Connection, pages
from .lineage import Artifact, Lineage, Use, artifact_of, uses
from .past import Comparison, Past, PastRun, Statistic, comparison_of, past_of, run_of, statistic_of
from .run_id import parse_run_id
from .view import RunState

PAGE_MAX = 1_000
DAY_S = 86_400
# Of a lineage: what recorded the artifact, and what used it.
RECORDED_MAX = 100
USES_MAX = 500


class AsyncHistory:
    """What `AsyncClient.history` is. Answers may be a moment older than the log."""

    def __init__(self, connection: Connection, plan: Callable[[bytes], Awaitable[plan_pb2.Plan]]) -> None:
        self._connection, self._plan = connection, plan

    async def runs(
        self,
        *,
        workflow: str = "",
        search: str = "",
        name: str = "",
        team: str = "",
        user: str = "",
        states: Sequence[RunState] = (),
        labels: Mapping[str, str] | None = None,
        from_us: int = 0,
        before_us: int = 0,
        ended_from_us: int = 0,
        limit: int = 50,
    ) -> list[PastRun]:
        """Return the runs that match all of this, newest first.

        Args:
            workflow: The qualified name, "module:workflow".
            search: A part of it, or of the name in the registry, in any case.
            name: The name in the registry by which they were launched.
            labels: All of these labels.
            from_us, before_us: Submitted at the first time or later, and before the second; microseconds since 1970.
            ended_from_us: Ended at this time or later.
        """
        wanted = service_pb2.RunFilter(
            workflow=workflow,
            search=search,
            registered=name,
            team=team,
            user=user,
            states=[f"RUN_STATE_{state.name}" for state in states],
            labels=labels,
            from_us=from_us,
            before_us=before_us,
            ended_from_us=ended_from_us,
        )
        request = service_pb2.ListRunsRequest(filter=wanted)
        return [run_of(record) for record in await pages(self._call, "ListRuns", request, "runs", limit, PAGE_MAX)]

    async def run(self, run: uuid.UUID | str) -> Past:
        """Return a run in sum: its operators, inputs, and the nodes that its end waited for; raise Refused."""
        request = service_pb2.GetRunRequest(run_id=parse_run_id(run).bytes)
        return past_of(await self._call("GetRun", request))

    async def compare(self, runs: Sequence[uuid.UUID | str]) -> Comparison:
        """Return 2 to 20 runs side by side."""
        request = service_pb2.CompareRequest(run_ids=[parse_run_id(run).bytes for run in runs])
        return comparison_of(await self._call("Compare", request))

    async def statistics(
        self,
        *,
        by: Sequence[str] = (),
        days: int = 30,
        workflow: str = "",
        team: str = "",
        operator: str = "",
    ) -> list[Statistic]:
        """Return figures of the last days, UTC, today included: the busiest first.

        Args:
            by: What rows are kept apart by: "workflow", "team", "operator", "day".
        """
        before = int(time.time()) // DAY_S + 1
        request = service_pb2.StatisticsRequest(
            from_day=max(1, before - days), before_day=before, by=by, workflow=workflow, team=team, operator=operator
        )
        return [statistic_of(row) for row in (await self._call("Statistics", request)).rows]

    async def artifacts(
        self,
        *,
        type: str = "",
        workflow: str = "",
        operator: str = "",
        team: str = "",
        search: str = "",
        run: uuid.UUID | str | None = None,
        limit: int = 50,
    ) -> list[Artifact]:
        """Return artifacts where they were recorded, the latest first.

        Args:
            search: A part of the name of a type, a workflow or an operator, in any case.
        """
        request = service_pb2.ListArtifactsRequest(
            type_name=type,
            workflow=workflow,
            operator=operator,
            team=team,
            search=search,
            run_id=parse_run_id(run).bytes if run is not None else b"",
        )
        found = await pages(self._call, "ListArtifacts", request, "artifacts", limit, PAGE_MAX)
        return [artifact_of(record) for record in found]

    async def lineage(self, artifact: str) -> Lineage:
        """Return where an artifact is from and what used it; nothing at all if the history does not know it."""
        request = service_pb2.ListArtifactsRequest(artifact=bytes.fromhex(artifact), page_size=RECORDED_MAX)
        answer = await self._call("ListArtifacts", request)
        found = [artifact_of(record) for record in answer.artifacts]
        used: list[Use] = []
        for one in found:
            if len(used) > USES_MAX:
                break
            plan = await self._plan(one.plan_hash)
            used += await asyncio.to_thread(list, itertools.islice(uses(plan, one), USES_MAX + 1))
        more = bool(answer.next_page_token) or len(used) > USES_MAX
        made, given = ([one for one in found if one.is_input is wanted] for wanted in (False, True))
        return Lineage(made, given, used[:USES_MAX], more)

    async def lag(self) -> int:
        """Return how many events of the logs are not in the history yet; -1 if the service asked does not know."""
        return (await self._call("Status", service_pb2.StatusRequest())).lag.events

    async def rebuild(self) -> None:
        """Forget the history and make it again from the logs; meanwhile lists are incomplete."""
        await self._call("Rebuild", service_pb2.RebuildRequest())

    async def _call(self, method: str, request: Any) -> Any:
        return await self._connection.call("history", method, request)


class History:
    """What `Client.history` is: the same calls, each of which waits for its answer."""

    def __init__(self, history: AsyncHistory, call: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._history, self._wait = history, call

    def runs(
        self,
        *,
        workflow: str = "",
        search: str = "",
        name: str = "",
        team: str = "",
        user: str = "",
        states: Sequence[RunState] = (),
        labels: Mapping[str, str] | None = None,
        from_us: int = 0,
        before_us: int = 0,
        ended_from_us: int = 0,
        limit: int = 50,
    ) -> list[PastRun]:
        """Return the runs that match; see AsyncHistory.runs."""
        return self._wait(
            self._history.runs(
                workflow=workflow,
                search=search,
                name=name,
                team=team,
                user=user,
                states=states,
                labels=labels,
                from_us=from_us,
                before_us=before_us,
                ended_from_us=ended_from_us,
                limit=limit,
            )
        )

    def run(self, run: uuid.UUID | str) -> Past:
        """Return a run in sum."""
        return self._wait(self._history.run(run))

    def compare(self, runs: Sequence[uuid.UUID | str]) -> Comparison:
        """Return 2 to 20 runs side by side."""
        return self._wait(self._history.compare(runs))

    def statistics(
        self, *, by: Sequence[str] = (), days: int = 30, workflow: str = "", team: str = "", operator: str = ""
    ) -> list[Statistic]:
        """Return figures of the last days; see AsyncHistory.statistics."""
        return self._wait(self._history.statistics(by=by, days=days, workflow=workflow, team=team, operator=operator))

    def artifacts(
        self,
        *,
        type: str = "",
        workflow: str = "",
        operator: str = "",
        team: str = "",
        search: str = "",
        run: uuid.UUID | str | None = None,
        limit: int = 50,
    ) -> list[Artifact]:
        """Return artifacts where they were recorded; see AsyncHistory.artifacts."""
        wanted = {"type": type, "workflow": workflow, "operator": operator, "team": team, "search": search}
        return self._wait(self._history.artifacts(**wanted, run=run, limit=limit))

    def lineage(self, artifact: str) -> Lineage:
        """Return where an artifact is from and what used it."""
        return self._wait(self._history.lineage(artifact))

    def lag(self) -> int:
        """Return how many events are not in the history yet."""
        return self._wait(self._history.lag())

    def rebuild(self) -> None:
        """Forget the history and make it again from the logs."""
        self._wait(self._history.rebuild())
