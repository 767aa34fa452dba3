"""The simulated network: what `grpc.aio` is to the product. Calls are lost, late, cut off, and end with their process.

A call is two ordered directions between two lives. Messages are serialised: no two processes share an object.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from .process import Life, current_life

if TYPE_CHECKING:
    from .world import World

LATENCY_S = 0.0005  # mean, one way
# A process that ends is noticed at once, a machine or a line by a keepalive that is not answered.
NOTICED_S = 0.001
NOTICED_LATE_S = (1.0, 15.0)
LOST_AFTER_S = (0.05, 1.0, 5.0)
END = object()  # of a stream


class Details(NamedTuple):
    """Of a call, as interceptors see it."""

    method: str
    invocation_metadata: tuple[Any, ...] = ()


class Server:
    """What a service registers with; `open` lets calls in."""

    def __init__(self, network: Network, interceptor: Any) -> None:
        self.grpc = self
        self.life = current_life()
        self._network = network
        self._interceptor = interceptor
        self._generic: list[Any] = []
        self._found: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        self._generic += handlers

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """What the generated code says a second time."""

    def serves(self, *services: str) -> None:
        """For health, which nobody asks here."""

    def open(self, address: str) -> None:
        self._network.open(address, self)

    async def handler(self, method: str) -> Any:
        if method not in self._found:
            self._found[method] = await self._interceptor.intercept_service(self._lookup, Details(method))
        return self._found[method]

    async def _lookup(self, details: Details) -> Any:
        return next((handler for one in self._generic if (handler := one.service(details)) is not None), None)


class Network:
    """Who listens where, and every call that is open."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._servers: dict[str, list[Server]] = {}
        self._streams: dict[Call, None] = {}  # of requests, that are open

    def channel(self, address: str, *_: Any, **__: Any) -> Channel:
        """Stands for `grpc.aio.insecure_channel`."""
        return Channel(self, address)

    def open(self, address: str, server: Server) -> None:
        """Let calls to an address come here; to all that listen there in turn, as behind a balancer."""
        servers = self._servers.setdefault(address, [])
        servers.append(server)
        server.life.ends.append(lambda: servers.remove(server))

    def find(self, address: str) -> Server | None:
        servers = self._servers.get(address)
        return self.world.dice.choice(servers) if servers else None

    def opened(self, call: Call) -> None:
        self._streams[call] = None

    def closed(self, call: Call) -> None:
        self._streams.pop(call, None)

    def noticed_after_s(self) -> float:
        """Return how long it takes until somebody notices that the other side's process is gone."""
        dice = self.world.dice
        return dice.choice(NOTICED_LATE_S) if dice.random() < self.world.faults.crash_unseen else NOTICED_S

    def cut(self, life: Life) -> None:
        """Break the streams of a client."""
        for call in [call for call in self._streams if call.life is life]:
            call.cut()


class Channel:
    """Stands for `grpc.aio.Channel`."""

    def __init__(self, network: Network, address: str) -> None:
        self._network, self._address = network, address

    def _method(self, method: str, serialise: Any, deserialise: Any) -> Callable[..., Call]:
        def call(request: Any, timeout: float | None = None, **_: Any) -> Call:
            return Call(self._network, self._address, method, request, serialise, deserialise, timeout)

        return call

    def unary_unary(self, method: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> Any:
        return self._method(method, request_serializer, response_deserializer)

    unary_stream = stream_unary = stream_stream = unary_unary

    async def close(self, grace: float | None = None) -> None: ...

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Wire:
    """One direction of a call: what is sent arrives in order, some time later, in the life at its end."""

    def __init__(self, world: World, life: Life) -> None:
        self._world, self._life = world, life
        self._last_s = 0.0

    def send(self, step: Callable[..., Any], *args: Any) -> None:
        world = self._world
        # Callbacks of one moment have no order.
        self._last_s = max(self._last_s + 1e-9, world.now + world.dice.expovariate(1 / LATENCY_S))
        world.loop.call_at(self._last_s, step, *args, context=self._life.context)


class Call:
    """One call as its client sees it. Awaited or iterated over, as the method wants."""

    def __init__(
        self,
        network: Network,
        address: str,
        method: str,
        request: Any,
        serialise: Any,
        deserialise: Any,
        timeout_s: float | None,
    ) -> None:
        self.world, self.method, self._network = network.world, method, network
        self.life = current_life()
        self._serialise, self._deserialise = serialise, deserialise
        self._responses: deque[Any] = deque()
        self._news = asyncio.Event()
        self._error: BaseException | None = None
        self._over = self._is_deaf = False
        self._answer: _Answer | None = None
        self._pump: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        if timeout_s is not None:
            self._fail_later(timeout_s, "Deadline Exceeded", grpc.StatusCode.DEADLINE_EXCEEDED)
        dice = self.world.dice
        # Streams of requests are cut instead.
        fails = self.world.faults.call_fails if hasattr(request, "SerializeToString") else 0.0
        server = network.find(address)
        if server is None:
            self._fail_later(dice.expovariate(1 / LATENCY_S), f"{address}: Connection refused")
        elif (fate := dice.random()) < fails / 2:
            self._fail_later(dice.choice(LOST_AFTER_S), "the request was lost")
        else:
            self._begin(server, request, is_lost=fate < fails)

    def _begin(self, server: Server, request: Any, *, is_lost: bool) -> None:
        self._there = Wire(self.world, server.life)
        self._answer = answer = _Answer(self, server)
        if is_lost:
            answer.lose(self.world.dice.choice(LOST_AFTER_S))
        self.life.ends.append(self._client_ends)
        server.life.ends.append(self._server_ends)
        self._there.send(answer.begin)
        if hasattr(request, "SerializeToString"):
            self._there.send(answer.take, self._serialise(request))
            self._there.send(answer.take, END)
        else:
            self._network.opened(self)
            self._pump = self.life.spawn(self._send(request))

    async def _send(self, requests: Any) -> None:
        """Pass on what the client streams."""
        assert self._answer is not None
        if isinstance(requests, AsyncIterator):
            async for request in requests:
                if self._over:
                    return
                self._there.send(self._answer.take, self._serialise(request))
        else:
            for request in requests:
                self._there.send(self._answer.take, self._serialise(request))
        self._there.send(self._answer.take, END)

    # What its end of the network tells it

    def take(self, response: bytes) -> None:
        if not (self._over or self._is_deaf):
            self._responses.append(self._deserialise(response))
            self._news.set()

    def complete(self) -> None:
        self._finish(None)

    def fail(self, code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        metadata = grpc.aio.Metadata(*trailers)
        self._finish(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details))

    def cut(self) -> None:
        """Break the connection: what is on its way is lost, and both ends notice, each in its time."""
        if not self._over and self._answer is not None:
            self._is_deaf = True
            self._answer.cut()
            self._fail_later(self.world.dice.choice((NOTICED_S, *NOTICED_LATE_S)), "the connection was cut")

    def cancel(self) -> bool:
        if self._over:
            return False
        self._finish(asyncio.CancelledError())
        return True

    def done(self) -> bool:
        return self._over and not self._responses

    def _fail_later(self, delay_s: float, why: str, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self._timers.append(self.life.later(delay_s, self.fail, code, why))

    def _server_ends(self) -> None:
        if not self._over:
            self._fail_later(self._network.noticed_after_s(), "the other side vanished")

    def _client_ends(self) -> None:
        if not self._over and self._answer is not None:
            self._over = True
            self._network.closed(self)
            self._answer.cancel_later(self._network.noticed_after_s())

    def _finish(self, error: BaseException | None) -> None:
        if self._over:
            return
        self._over, self._error = True, error
        self._network.closed(self)
        for timer in self._timers:
            timer.cancel()
        self._news.set()
        if self._answer is not None:
            for ends, step in ((self.life.ends, self._client_ends), (self._answer.life.ends, self._server_ends)):
                if step in ends:
                    ends.remove(step)
            if error is not None:
                self._there.send(self._answer.cancel)

    # What the client asks it

    async def _next(self) -> Any:
        while not self._responses:
            if self._over:
                if self._error is not None:
                    raise self._error
                return END
            self._news.clear()
            try:
                await self._news.wait()
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self._responses.popleft()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._only().__await__()

    async def _only(self) -> Any:
        response = await self._next()
        await self._next()
        return response

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self._next()) is not END:
            yield response


class _Aborted(grpc.aio.AbortError):
    pass


class _Answer:
    """The same call as its server sees it; also the context that the service is given."""

    def __init__(self, call: Call, server: Server) -> None:
        self.life = server.life
        self._call, self._server = call, server
        self._back = Wire(call.world, call.life)
        self._requests: deque[Any] = deque()
        self._news: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._cut = False
        self._code: grpc.StatusCode | None = None

    def begin(self) -> None:
        if not self._cut and self.life.alive:
            self._news = asyncio.Event()
            self._task = self.life.spawn(self._serve())

    def take(self, request: Any) -> None:
        if not self._cut and self._news is not None:
            self._requests.append(request)
            self._news.set()

    def lose(self, after_s: float) -> None:
        """Let nothing of the answer arrive; the client notices some time."""
        self._back = _Nowhere()
        self._call._fail_later(after_s, "the answer was lost")

    def cut(self) -> None:
        self._cut = True
        self._back = _Nowhere()
        self.cancel_later(self._call.world.dice.choice((NOTICED_S, *NOTICED_LATE_S)))

    def cancel(self) -> None:
        self._cut = True
        if self._task is not None:
            self._task.cancel()

    def cancel_later(self, delay_s: float) -> None:
        self.life.later(delay_s, self.cancel)

    async def _serve(self) -> None:
        call = self._call
        handler = await self._server.handler(call.method)
        try:
            if handler is None:
                await self.abort(grpc.StatusCode.UNIMPLEMENTED, call.method)
            if handler.request_streaming:
                request: Any = self._stream(handler.request_deserializer)
            else:
                request = handler.request_deserializer(await self._next())
            await self._respond(handler, request)
        except _Aborted:
            return
        self._back.send(call.complete)

    async def _respond(self, handler: Any, request: Any) -> None:
        kind = f"{'stream' if handler.request_streaming else 'unary'}_"
        behaviour = getattr(handler, kind + ("stream" if handler.response_streaming else "unary"))
        if not handler.response_streaming:
            response = await behaviour(request, self)
            self.life.step()
            self._back.send(self._call.take, handler.response_serializer(response))
            return
        async for response in behaviour(request, self):
            self._back.send(self._call.take, handler.response_serializer(response))
            await asyncio.sleep(0)

    async def _stream(self, deserialise: Any) -> AsyncIterator[Any]:
        while (request := await self._next()) is not END:
            yield deserialise(request)

    async def _next(self) -> Any:
        assert self._news is not None
        while not self._requests:
            self._news.clear()
            await self._news.wait()
        return self._requests.popleft()

    # The context of the service

    async def abort(self, code: grpc.StatusCode, details: str = "", trailers: tuple[Any, ...] = ()) -> None:
        self._code = code
        if code is grpc.StatusCode.INTERNAL:
            self._call.world.fail(
                f"{self.life.process.name}: {self._call.method} ended with INTERNAL", Internal(details)
            )
        self._back.send(self._call.fail, code, details, tuple(trailers))
        raise _Aborted

    def code(self) -> Any:
        return self._code.value[0] if self._code is not None else 0

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None: ...


class Internal(AssertionError):
    """A service answered that it made a mistake."""


class _Nowhere(Wire):
    def __init__(self) -> None: ...

    def send(self, step: Callable[..., Any], *args: Any) -> None: ...
