"""Submits that are made at the same time, in one call: whatever gathers while the last call is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from penstock_proto.state_tracker.v1 import service_pb2

from .connection import Connection, code_name
from .errors import ClientError, IdTaken, Refused

Waiting = tuple[service_pb2.SubmitRequest, asyncio.Future[service_pb2.RunSummary]]

# Of one call: runs, and bytes of their inputs.
RUNS_MAX = 1000
BYTES_MAX = 1 << 20


class Submitting:
    """One call at a time; a submit that comes alone is sent at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Waiting] = []
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, request: service_pb2.SubmitRequest) -> service_pb2.RunSummary:
        """Return the accepted run. Asking again with the same id and request is harmless."""
        answer: asyncio.Future[service_pb2.RunSummary] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(self._take())
        finally:
            self._sender = None

    def _take(self) -> list[Waiting]:
        count, size_bytes = 0, 0
        for request, _ in self._waiting[:RUNS_MAX]:
            size_bytes += request.ByteSize()
            if count and size_bytes > BYTES_MAX:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _send(self, batch: Sequence[Waiting]) -> None:
        """One call to each State Tracker that is known to own some of the runs."""
        places: dict[str, list[Waiting]] = {}
        for request, future in batch:
            places.setdefault(self._connection.owner(request.run_id), []).append((request, future))
        await asyncio.gather(*(self._send_to(address, of_one) for address, of_one in places.items()))

    async def _send_to(self, address: str, batch: Sequence[Waiting]) -> None:
        if len(batch) == 1:
            await self._send_alone(*batch[0])
            return
        many = service_pb2.SubmitManyRequest(requests=[request for request, _ in batch])
        retry = self._connection.retry_at(address)
        try:
            answer: Any = await self._connection.call("state_tracker", "SubmitMany", many, retry=retry)
        except Exception as error:
            if self._connection.is_home(address):
                for _, future in batch:
                    _fail(future, error)
                return
            self._connection.forget_owner(address)
            await self._send(batch)
            return
        again: list[Any] = []
        for (request, future), outcome in zip(batch, answer.outcomes, strict=True):
            if not outcome.code:
                _settle(future, outcome.run)
            elif code_name(outcome.code) == "FAILED_PRECONDITION" and outcome.owner:
                await self._connection.info()
                self._connection.note_owner(request.run_id, outcome.owner)
                again.append(self._send_alone(request, future))
            elif code_name(outcome.code) in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
                again.append(self._send_alone(request, future))
            else:
                _fail(future, refusal(request.run_id, code_name(outcome.code), outcome.detail))
        await asyncio.gather(*again)

    async def _send_alone(
        self, request: service_pb2.SubmitRequest, future: asyncio.Future[service_pb2.RunSummary]
    ) -> None:
        """By the plain call, which waits for overloaded services and follows owners."""
        address = self._connection.owner(request.run_id)
        retry = self._connection.retry_at(address)
        try:
            answer: Any = await self._connection.call("state_tracker", "Submit", request, retry=retry)
            if retry.address != address:
                await self._connection.info()
                self._connection.note_owner(request.run_id, retry.address)
            _settle(future, answer.run)
        except Refused as error:
            _fail(future, refusal(request.run_id, error.code, error.details) if type(error) is Refused else error)
        except Exception as error:
            _fail(future, error)


def refusal(run_id: bytes, code: str, details: str) -> ClientError:
    if code == "ALREADY_EXISTS":
        return IdTaken(code, f"run id {run_id.hex()} is already used by a different request: {details}")
    return Refused(code, details)


def _settle(future: asyncio.Future[service_pb2.RunSummary], run: service_pb2.RunSummary) -> None:
    if not future.done():
        future.set_result(run)


def _fail(future: asyncio.Future[service_pb2.RunSummary], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
