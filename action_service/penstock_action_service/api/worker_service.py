"""The gRPC edge of workers: one stream each, over the same sessions that workers in this process have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from penstock_access import calling
from penstock_access.principal import Kind
from penstock_proto.action_service.v1 import worker_pb2_grpc
from penstock_proto.action_service.v1.worker_pb2 import ConnectRequest, ConnectResponse, Register
from penstock_proto.wire import DEFAULT_POOL
from penstock_service.guard import Denied

from ..errors import BadWorker, SessionClosed
from ..shell.orders import Orders
from ..shell.sessions import Session
from .order_queue import Outgoing

REGISTER_WITHIN_S = 10.0

Connect = Callable[[Register, Callable[[Orders], None], Callable[[], None]], Session]


class WorkerService(worker_pb2_grpc.WorkerServiceServicer):
    """Accepts workers."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def Connect(
        self, request_iterator: AsyncIterator[ConnectRequest], context: Any
    ) -> AsyncIterator[ConnectResponse]:
        register = await _first(request_iterator)
        _check_pool(register)
        outgoing = Outgoing()
        session: Session | None = None

        def send(orders: Orders) -> None:
            if not outgoing.send(orders) and session is not None:
                session.close()

        session = self._connect(register, send, outgoing.close)
        reader = asyncio.create_task(_read(request_iterator, session))
        try:
            yield ConnectResponse(welcome=session.welcome)
            async for orders in outgoing.messages():
                yield orders.message()
        finally:
            session.close()
            reader.cancel()
            (outcome,) = await asyncio.gather(reader, return_exceptions=True)
        if isinstance(outcome, BadWorker):
            raise outcome
        raise SessionClosed(register.worker)


def _check_pool(register: Register) -> None:
    """Raise Denied where the worker's token is for another pool."""
    caller, pool = calling.caller(), register.pool or DEFAULT_POOL
    if caller is not None and caller.kind is Kind.WORKER and caller.pool != pool:
        raise Denied(f"the token of this worker is for pool {caller.pool!r}, not for {pool!r}")


async def _first(requests: AsyncIterator[ConnectRequest]) -> Register:
    try:
        first = await asyncio.wait_for(anext(requests), REGISTER_WITHIN_S)
    except (StopAsyncIteration, TimeoutError):
        raise BadWorker("a worker must register with its first message, but sent none") from None
    if first.WhichOneof("kind") != "register":
        raise BadWorker("a worker must register with its first message, but sent another one")
    return first.register


async def _read(requests: AsyncIterator[ConnectRequest], session: Session) -> None:
    """Hand over what the worker says, until its end of the stream."""
    try:
        async for request in requests:
            match request.WhichOneof("kind"):
                case "reports":
                    session.reports(request.reports.reports)
                case "report":
                    session.reports([request.report])
                case "heartbeat":
                    session.heartbeat()
                case "drain":
                    session.leave() if request.drain.leaving else session.drain()
                case "register":
                    raise BadWorker(f"worker {session.worker!r} registered twice on the same connection")
                case _:
                    pass  # of a later version
    except SessionClosed:
        pass
    finally:
        session.close()
