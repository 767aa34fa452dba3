"""The history of all runs as the client calls it: search, comparisons and statistics."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from penstock_proto.history.v1 import service_pb2

from .connection import Connection, pages
from .past import Comparison, Past, PastRun, Statistic, comparison_of, past_of, run_of, statistic_of
from .run_id import parse_run_id
from .view import RunState

PAGE_MAX = 1_000
DAY_S = 86_400


class AsyncHistory:
    """What `AsyncClient.history` is. Answers may be a moment older than the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        limit: int = 50,
    ) -> list[PastRun]:
        """Return the runs that match all of this, newest first.

        Args:
            workflow: The qualified name, "module:workflow".
            search: A part of it, or of the name in the registry, in any case.
            name: The name in the registry by which they were launched.
            labels: All of these labels.
            from_us, before_us: Submitted at the first time or later, and before the second; microseconds since 1970.
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

    def lag(self) -> int:
        """Return how many events are not in the history yet."""
        return self._wait(self._history.lag())

    def rebuild(self) -> None:
        """Forget the history and make it again from the logs."""
        self._wait(self._history.rebuild())
