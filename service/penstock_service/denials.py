"""What a service refused, sent to the authority, which keeps it for the audit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any, Final

import grpc.aio
from penstock_access.principal import Principal
from penstock_observability import metrics
from penstock_proto.access.v1 import service_pb2, service_pb2_grpc

from . import channels

WAITING_MAX: Final = 2_000
SENT_AT_ONCE: Final = 200
SEND_EVERY_S: Final = 0.5
SEND_TIMEOUT_S: Final = 5.0
DETAIL_CHARS_MAX: Final = 300

log = logging.getLogger(__name__)


class Denials:
    """A bounded queue: beyond it, the oldest are counted and dropped."""

    def __init__(self, authority: str, service: str) -> None:
        self._authority, self._service = authority, service
        self._waiting: deque[service_pb2.AuditEntry] = deque()
        self._task: asyncio.Task[None] | None = None

    def note(self, principal: Principal | None, action: str, reason: str, team: str = "") -> None:
        metrics.ACCESS_DENIED.labels(action).inc()
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            metrics.ACCESS_DENIALS_DROPPED.inc()
        self._waiting.append(
            service_pb2.AuditEntry(
                at_us=int(time.time() * 1e6),
                what="denied",
                subject=principal.subject if principal is not None else "",
                credential=principal.credential if principal is not None else "",
                service=self._service,
                action=action,
                team=team,
                detail=reason[:DETAIL_CHARS_MAX],
            )
        )

    def start(self) -> None:
        self._task = asyncio.create_task(self._send_all(), name="denials")

    async def stop(self) -> None:
        """Send what waits, if the authority takes it now."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with channels.open_channel(self._authority) as channel:
                await self._send(channel)

    async def _send_all(self) -> None:
        async with channels.open_channel(self._authority) as channel:
            while True:
                await asyncio.sleep(SEND_EVERY_S)
                while self._waiting and await self._send(channel):
                    pass

    async def _send(self, channel: Any) -> bool:
        """Send some; False if they could not be sent, and wait."""
        now = [self._waiting.popleft() for _ in range(min(len(self._waiting), SENT_AT_ONCE))]
        if not now:
            return False
        stub: Any = service_pb2_grpc.AuthorityServiceStub(channel)
        try:
            await stub.Note(service_pb2.NoteRequest(entries=now), timeout=SEND_TIMEOUT_S)
        except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
            self._waiting.extendleft(reversed(now[: max(0, WAITING_MAX - len(self._waiting))]))
            if isinstance(error, asyncio.CancelledError):
                raise
            return False
        return True
