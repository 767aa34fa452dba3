"""The reports of a worker: those that arrive while a message is in flight are sent together in the next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from penstock_proto.action_service.v1.worker_pb2 import ConnectRequest
from penstock_proto.state_tracker.v1.reports_pb2 import Report

REPORTS_A_MESSAGE: Final = 500
# That wait for a slow stream; more are dropped, and reported again later.
REPORTS_MAX: Final = 10_000
# Others than reports, in a message; a worker has one or two of them to send at a time.
REQUESTS_MAX: Final = 100


class Outgoing:
    """One stream's messages."""

    def __init__(self, register: ConnectRequest) -> None:
        self._requests = deque([register], REQUESTS_MAX)
        self._reports: list[Report] = []
        self._wake = asyncio.Event()
        self._last: ConnectRequest | None = None
        self._is_closed = False

    def send(self, request: ConnectRequest) -> None:
        """Send a message before the reports that wait."""
        self._requests.append(request)
        self._wake.set()

    def report(self, reports: Sequence[Report]) -> None:
        self._reports += reports[: REPORTS_MAX - len(self._reports)]
        self._wake.set()

    def end_with(self, request: ConnectRequest) -> None:
        """Send a message after all that waits."""
        self._last = request
        self._wake.set()

    def close(self) -> None:
        """End `messages`; what waits is not sent."""
        self._is_closed = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[ConnectRequest]:
        """Yield what there is to send whenever the last message is on its way."""
        while not self._is_closed:
            if self._requests:
                yield self._requests.popleft()
            elif self._reports:
                now, self._reports = self._reports[:REPORTS_A_MESSAGE], self._reports[REPORTS_A_MESSAGE:]
                request = ConnectRequest()
                request.reports.reports.extend(now)
                yield request
            elif self._last is not None:
                last, self._last = self._last, None
                yield last
            else:
                self._wake.clear()
                await self._wake.wait()
