"""What came and could not be true, put on a topic of its own with the reason: bounded, and never in anybody's way."""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from .client import Headers, Outgoing, Producer

WAITING_MAX: Final = 1_000
# Of what is kept of a record: enough to see what it is.
BODY_BYTES_MAX: Final = 64 * 1024
HEADERS_MAX: Final = 32
HEADER_BYTES_MAX: Final = 1024
REASON_CHARS_MAX: Final = 500


class DeadLetter(NamedTuple):
    """A record as it came, where from, and why it is put aside."""

    origin: str  # TOPIC/PARTITION/OFFSET, or TOPIC alone where the rest is not known any more
    reason: str
    key: bytes
    value: bytes
    headers: Headers

    def outgoing(self) -> Outgoing:
        """Return the record for the dead-letter topic: the cause in front, and what was too long cut."""
        headers: Headers = [
            ("penstock_reason", self.reason[:REASON_CHARS_MAX].encode("utf-8", "replace")),
            ("penstock_origin", self.origin.encode()),
            ("penstock_body_bytes", b"%d" % len(self.value)),
        ]
        for name, value in self.headers[:HEADERS_MAX]:
            headers.append((name[:HEADER_BYTES_MAX], (value or b"")[:HEADER_BYTES_MAX]))
        return Outgoing(self.key[:HEADER_BYTES_MAX], self.value[:BODY_BYTES_MAX], headers)


class DeadLetters:
    """Those that wait for the broker. Bounded: the newest are counted only."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: deque[Outgoing] = deque()
        self._some = asyncio.Event()

    def add(self, letter: DeadLetter) -> None:
        self.count += 1
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(letter.outgoing())
            self._some.set()

    async def send_all(self, topic: str, producer: Producer) -> None:
        """Send what waits and what comes, until the broker fails."""
        partitions = await producer.partitions(topic) or 1
        sent = 0
        while True:
            await self._some.wait()
            while self._waiting:
                await producer.send(topic, {sent % partitions: [self._waiting[0]]})
                self._waiting.popleft()
                sent += 1
            self._some.clear()
