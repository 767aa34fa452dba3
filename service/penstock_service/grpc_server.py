"""The edge of every service: gRPC servers with the settings that all of them share."""

import inspect
import ipaddress
import logging
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from penstock_observability import logs, metrics
from penstock_proto.tls import Tls, server_credentials

from .answers import Answer
from .channels import KEEPALIVE_ANSWER_S, KEEPALIVE_EVERY_S, MESSAGE_BYTES_MAX
from .errors import PortInUse, ServiceError
from .settings import split_address

STOP_GRACE_S = 1.0
PENDING_CALLS_MAX = 20_000
CODES: dict[int, str] = {status.value[0]: status.name for status in grpc.StatusCode}

log = logging.getLogger(__name__)
# The package's own types leave out its asyncio half.
_health: Any = health
_health_grpc: Any = health_pb2_grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server listens. `port` 0 takes a free one.

    Attributes:
        tls: Files to encrypt connections with; none: connections are not encrypted.
        client_certificates: Only clients with a certificate of the authorities are accepted, where there is TLS.
        public: HOST:PORT where clients without certificates are accepted, too; empty: nowhere.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls = field(default_factory=Tls)
    client_certificates: bool = False
    public: str = ""
    message_bytes_max: int = MESSAGE_BYTES_MAX


class Server:
    """A gRPC server with health and reflection. `grpc` is for the generated `add_..._to_server`."""

    def __init__(self, options: ServerOptions, guards: Sequence[grpc.aio.ServerInterceptor] = ()) -> None:
        self._options = options
        self.grpc = grpc.aio.server(
            interceptors=[ErrorInterceptor(), *guards], options=_server_settings(options.message_bytes_max)
        )
        self.port = self.public_port = 0
        self._services: list[str] = []
        self._health: Any = _health.aio.HealthServicer()
        _health_grpc.add_HealthServicer_to_server(self._health, self.grpc)

    @property
    def address(self) -> str:
        """HOST:PORT that clients use, once started."""
        host = self._options.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def serves(self, *services: str) -> None:
        """Name the services, in full, that health and reflection speak of; before `start`."""
        self._services += services

    async def start(self) -> None:
        """Listen. Raises PortInUse. Health answers NOT_SERVING until `ready`."""
        names = (*self._services, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self.grpc)
        await self._report(health_pb2.HealthCheckResponse.NOT_SERVING)
        options = self._options
        self.port = self._bind(options.host, options.port, options.client_certificates)
        if options.public:
            self.public_port = self._bind(*split_address(options.public), False)
        await self.grpc.start()

    async def set_serving(self, serving: bool = True) -> None:
        """Let health answer that calls are welcome, or not now."""
        answers = health_pb2.HealthCheckResponse
        await self._report(answers.SERVING if serving else answers.NOT_SERVING)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        await self._health.enter_graceful_shutdown()
        await self.grpc.stop(grace_s)

    def _bind(self, host: str, port: int, client_certificates: bool) -> int:
        address, tls = f"[{host}]:{port}" if ":" in host else f"{host}:{port}", self._options.tls
        try:
            if not tls.is_used:
                return self.grpc.add_insecure_port(address)
            return self.grpc.add_secure_port(address, server_credentials(tls, client_certificates=client_certificates))
        except RuntimeError as error:
            if port and _is_taken(host, port):
                raise PortInUse(address) from None
            raise ServiceError(f"cannot listen on {address}: {error}") from error

    async def _report(self, status: Any) -> None:
        for service in ("", *self._services):
            await self._health.set(service, status)


def server(options: ServerOptions | None = None, guards: Sequence[grpc.aio.ServerInterceptor] = ()) -> Server:
    """Make a server; register services on its `grpc`, name them with `serves`, then start it.

    Args:
        guards: Look at each call before its handler does; what they raise is answered as other errors are.
    """
    return Server(options or ServerOptions(), guards)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Answers each `Answer` as it says, and everything else as INTERNAL without internals."""

    async def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler: Any = await continuation(handler_call_details)
        if handler is None:  # no such method
            return None
        # A counter that is there before its first failure shows that one, too.
        metrics.RPC_FAILED.labels(_short(handler_call_details.method), grpc.StatusCode.INTERNAL.name)
        make: Any = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
        behaviour: Any = getattr(handler, _kind(handler))
        wrap = self._streaming if handler.response_streaming else self._unary
        return make(
            wrap(behaviour, handler_call_details.method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, behaviour: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            began = time.monotonic()
            try:
                return await behaviour(request, context)
            except Exception as error:
                await self._abort(error, context, method, getattr(request, "run_id", b""))
            finally:
                metrics.RPC_SECONDS.labels(_short(method)).observe(time.monotonic() - began)

        return call

    def _streaming(self, behaviour: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            try:
                responses = behaviour(request, context)
                if inspect.isawaitable(responses):  # it writes to the context itself
                    await responses
                    return
                async for response in responses:
                    yield response
            except Exception as error:
                await self._abort(error, context, method, getattr(request, "run_id", b""))

        return call

    async def _abort(self, error: Exception, context: Any, method: str, run_id: bytes) -> None:
        if isinstance(error, grpc.aio.AbortError):
            _count(method, context.code())
            raise error
        if isinstance(error, Answer):
            status = grpc.StatusCode[error.status]
            _count(method, status)
            await context.abort(status, error.detail, error.trailers)
        if isinstance(error, NotImplementedError) and context.code() is grpc.StatusCode.UNIMPLEMENTED:
            _count(method, grpc.StatusCode.UNIMPLEMENTED)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not implemented here")
        _count(method, grpc.StatusCode.INTERNAL)
        error_id = uuid.uuid4().hex[:8]
        concerned = logs.about(run_id) if run_id else None
        log.error("%s failed (error %s)", method, error_id, exc_info=error, extra=concerned)
        await context.abort(grpc.StatusCode.INTERNAL, f"internal error {error_id}: see the log of the service")


def _short(method: str) -> str:
    """Return Service/Method of /package.Service/Method."""
    return method.rpartition(".")[2]


def _count(method: str, status: grpc.StatusCode | int) -> None:
    code = status.name if isinstance(status, grpc.StatusCode) else CODES.get(status, "UNKNOWN")
    metrics.RPC_FAILED.labels(_short(method), code).inc()


def _kind(handler: Any) -> str:
    request = "stream" if handler.request_streaming else "unary"
    return f"{request}_stream" if handler.response_streaming else f"{request}_unary"


def _server_settings(message_bytes_max: int) -> Sequence[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
        ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_S * 1000),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_S * 1000),
        ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_ANSWER_S * 1000),
        # Bursts of calls that the loop has not come to yet: beyond its default of 1,000 grpc drops some at random.
        ("grpc.server.max_pending_requests", PENDING_CALLS_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING_CALLS_MAX),
        ("grpc.so_reuseport", 0),  # else two processes share a port and nobody notices
    ]


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(ipaddress.ip_address(host)), port))
        except OSError:
            return True
    return False
