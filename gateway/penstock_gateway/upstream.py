"""The services as the gateway calls them: the Python client, on behalf of the callers of requests."""

import uuid

from penstock.client import AsyncClient
from penstock.client.run_id import parse_run_id
from penstock.client.submission import Prepared, request
from penstock.client.view import RunState
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

AnyRun = uuid.UUID | str


class Upstream(AsyncClient):
    """One for all requests of a process."""

    async def launch(
        self, prepared: Prepared, run_id: uuid.UUID, options: events_pb2.RunOptions, caller: events_pb2.Caller
    ) -> service_pb2.RunSummary:
        """Start a run; raise what `submit` raises."""
        summary, _ = await self._launch(prepared, request(prepared, run_id, caller, options))
        return summary

    async def summary(self, run: AnyRun) -> service_pb2.RunSummary:
        """Return a run as the State Tracker describes it; raise NoSuchRun."""
        return await self._summary(run)

    async def cancel_as(self, caller: events_pb2.Caller, run: AnyRun, reason: str) -> RunState:
        """Cancel a run; raise what `cancel` raises."""
        return await self._cancel(parse_run_id(run), reason, caller)
