"""What a run recorded until now, read again once for all watchers who need it at the same time."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from penstock_proto.plan.v1 import plan_pb2

from ..upstream import Upstream
from .folding import Folding, Message

# Of the messages that are kept for those who read more slowly.
KEPT_BYTES_MAX: Final = 16 * 2**20


class Dropped(Exception):
    """A replay does not have the next message any longer."""


class Replay:
    """The messages of a run from its first event on. Who needs the next one first reads it, for all.

    It keeps a limited number of bytes, and ends with its last reader. Who falls behind what is kept needs another one.
    """

    def __init__(self, client: Upstream, run_id: uuid.UUID, plan: plan_pb2.Plan) -> None:
        # Position up to which messages were dropped, and how many.
        self._floor, self._dropped = 0, 0
        self._kept: deque[Message] = deque()
        self._kept_bytes = 0
        self._source = _read(client, run_id, plan)
        self._is_over = self._is_broken = False
        self._reading = asyncio.Lock()
        self._readers = 0

    def has(self, seq: int) -> bool:
        """Return whether it can tell all that comes after a position, up to now."""
        return seq >= self._floor and not self._is_over

    async def after(self, seq: int) -> AsyncGenerator[Message]:
        """Yield the messages after a position that it has. Raises Dropped, ClientError."""
        self._readers += 1
        index = self._dropped
        try:
            while True:
                while index == self._dropped + len(self._kept) and not self._is_over:
                    await self._read(index)
                if index < self._dropped or self._is_broken:
                    raise Dropped
                if index == self._dropped + len(self._kept):
                    return
                message = self._kept[index - self._dropped]
                index += 1
                if message.seq > seq:
                    yield message
        finally:
            self._readers -= 1
            if not self._readers:
                self._break()
                await self._source.aclose()

    async def _read(self, index: int) -> None:
        """Read the next message, unless another reader has by now."""
        async with self._reading:
            if index < self._dropped + len(self._kept) or self._is_over:
                return
            try:
                message = await anext(self._source, None)
            except BaseException:  # also one reader that goes: what it was reading cannot go on
                self._break()
                raise
            if message is None:
                self._is_over = True
                return
            self._kept.append(message)
            self._kept_bytes += len(message.data)
            while self._kept_bytes > KEPT_BYTES_MAX and len(self._kept) > 1:
                dropped = self._kept.popleft()
                self._kept_bytes -= len(dropped.data)
                self._floor, self._dropped = dropped.seq, self._dropped + 1

    def _break(self) -> None:
        self._is_over = self._is_broken = True


async def _read(client: Upstream, run_id: uuid.UUID, plan: plan_pb2.Plan) -> AsyncGenerator[Message]:
    folding = Folding(plan, run_id)
    async with aclosing(client.events(run_id, follow=False)) as batches:
        async for batch in batches:
            for message in folding.take(batch):
                yield message
    if folding.has_pending:
        yield folding.message()
