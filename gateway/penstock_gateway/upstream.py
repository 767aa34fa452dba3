"""The services as the gateway calls them: the Python client, on behalf of the callers of requests."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from google.protobuf.message import Message
from penstock.client import AsyncClient
from penstock.client.previews import shown_with_previews
from penstock.client.run_id import parse_run_id
from penstock.client.submission import Prepared, request
from penstock.client.view import RunState
from penstock.codecs.previews.tables import window
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.value.v1 import value_pb2

# How long a history that does not answer is asked again, before lists do without it.
HISTORY_PATIENCE_S: Final = 1.0

AnyRun = uuid.UUID | str


class Upstream(AsyncClient):
    """One for all requests of a process."""

    async def launch(
        self, prepared: Prepared, run_id: uuid.UUID, options: events_pb2.RunOptions, caller: events_pb2.Caller
    ) -> service_pb2.RunSummary:
        """Start a run; raise what `submit` raises."""
        await self.notifications.refuse_unknown(options.notify, options.team or caller.team)
        summary, _ = await self._launch(prepared, request(prepared, run_id, caller, options))
        return summary

    async def summary(self, run: AnyRun) -> service_pb2.RunSummary:
        """Return a run as the State Tracker describes it; raise NoSuchRun."""
        return await self._summary(run)

    async def cancel_as(self, caller: events_pb2.Caller, run: AnyRun, reason: str) -> RunState:
        """Cancel a run; raise what `cancel` raises."""
        return await self._cancel(parse_run_id(run), reason, caller)

    async def problems(
        self, plan_hash: bytes, inputs: Mapping[str, value_pb2.Value]
    ) -> Sequence[service_pb2.InputProblem]:
        """Return what the State Tracker says is wrong with inputs of a plan; nothing starts."""
        request = service_pb2.ValidateRequest(plan=plan_hash, inputs=inputs)
        return (await self.connection.call("state_tracker", "Validate", request)).problems

    async def ask_history(self, method: str, request: Message) -> Any:
        """Call the history; raise Unreachable soon if it does not answer."""
        retry = await self.connection.retry("history", HISTORY_PATIENCE_S)
        return await self.connection.call("history", method, request, retry=retry)

    async def previews(self, values: Sequence[value_pb2.Value]) -> list[dict[str, Any] | None]:
        """Return a look into each value that is not small JSON, as far as there is one."""
        show = await shown_with_previews(self._artifacts, values, 0)
        return [_preview(show(value)) for value in values]

    async def rows(
        self, value: value_pb2.Value, first: int, count: int, *, sort: str, descending: bool
    ) -> dict[str, Any]:
        """Return rows of a table; raise NotLooked."""
        head = await self._artifacts.head(value)
        return await asyncio.to_thread(window, value.codec, head, first, count, sort=sort, descending=descending)


def _preview(shown: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", shown).get("preview") if isinstance(shown, dict) else None
