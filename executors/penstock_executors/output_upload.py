"""What a remote worker's operators print, sent to the artifact service beside the event loop's other work."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.artifact_store.v1 import service_pb2_grpc

# Lines that wait for the network; beyond, they are dropped, and that is said.
PENDING_MAX: Final = 100_000
LINES_A_MESSAGE: Final = 500
SEND_TIMEOUT_S: Final = 30.0
TRIES_MAX: Final = 5
RETRY_S: Final = 1.0
log = logging.getLogger(__name__)
_grpc: Any = grpc

Key = tuple[bytes, int, int, int]


@dataclass(slots=True)
class Pending:
    """Of one execution; its progress is the latest."""

    key: pb.LogKey
    lines: list[pb.LogLine] = field(default_factory=list[pb.LogLine])
    progress: pb.Progress | None = None


class RemotePrinted:
    """Takes lines without waiting; one call at a time carries them."""

    def __init__(self, channel: Any) -> None:
        self._stub: Any = service_pb2_grpc.ArtifactStoreServiceStub(channel)
        self._pending: dict[Key, Pending] = {}
        self._count = self._dropped = 0
        self._sending: asyncio.Task[None] | None = None

    def __call__(self, grant: Grant, lines: Sequence[str]) -> None:
        if self._count + len(lines) > PENDING_MAX:
            self._dropped += len(lines)
            return
        at_us = time.time_ns() // 1000
        self._of(grant).lines.extend(pb.LogLine(at_us=at_us, text=text) for text in lines)
        self._count += len(lines)
        self._send_soon()

    def progress(self, grant: Grant, progress: pb.Progress) -> None:
        self._of(grant).progress = progress
        self._send_soon()

    async def stop(self) -> None:
        """Send what is left."""
        if self._sending is not None:
            await self._sending

    def _of(self, grant: Grant) -> Pending:
        name = (grant.run_id, grant.node, grant.attempt, grant.grant)
        if name not in self._pending:
            self._pending[name] = Pending(
                pb.LogKey(
                    run_id=grant.run_id, node=grant.node, item=grant.item, attempt=grant.attempt, grant=grant.grant
                )
            )
        return self._pending[name]

    def _send_soon(self) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._pending:
                pending, self._pending, self._count = self._pending, {}, 0
                await self._send(list(pending.values()))
        finally:
            self._sending = None
        if self._dropped:
            log.warning("%d lines of operators' output were dropped: the network is too slow", self._dropped)
            self._dropped = 0

    async def _send(self, pending: list[Pending]) -> None:
        """Lines may come twice after a broken call, never in another order."""
        for tries in range(1, TRIES_MAX + 1):
            try:
                await self._stub.AppendLog(_messages(pending), timeout=SEND_TIMEOUT_S)
                return
            except _grpc.aio.AioRpcError as error:
                if tries == TRIES_MAX:
                    lost = sum(len(each.lines) for each in pending)
                    log.warning("%d lines of operators' output were lost: %s", lost, error.details())
                    return
                await asyncio.sleep(RETRY_S * tries)


async def _messages(pending: list[Pending]) -> AsyncIterator[pb.AppendLogRequest]:
    for each in pending:
        for at in range(0, len(each.lines), LINES_A_MESSAGE):
            yield pb.AppendLogRequest(key=each.key, lines=each.lines[at : at + LINES_A_MESSAGE])
        if each.progress is not None:
            yield pb.AppendLogRequest(key=each.key, progress=each.progress)
