"""The HTTP server: uvicorn in the event loop of the process, without its signal handlers and its log."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, Final

import uvicorn
from penstock_proto.tls import Renewal, Tls
from penstock_service.errors import PortInUse, ServiceError

STOP_GRACE_S: Final = 2
KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 2048
# Requests and streams at once; more are answered 503.
CONCURRENT_MAX: Final = 10_000
STARTED_LOOK_S: Final = 0.01
RENEW_LOOK_S: Final = 1.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are for the process, which stops all that it runs."""
        yield


class HttpServer:
    """Serves an application until it is stopped.

    Args:
        port: 0 takes a free one.
        is_shared: Whether other processes may listen on the same port; each connection goes to one of them.
    """

    def __init__(self, app: Any, host: str, port: int, tls: Tls | None = None, *, is_shared: bool = False) -> None:
        self._host, self.port, self._is_shared = host, port, is_shared
        config = uvicorn.Config(
            app,
            host=host,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_GRACE_S,
            limit_concurrency=CONCURRENT_MAX,
        )
        if tls is not None:
            config.ssl_certfile, config.ssl_keyfile = tls.certificate, tls.key
        self._tls, self._config = tls, config
        self._server = _Server(config)
        self._renewing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT of the server, once started."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen; raise PortInUse."""
        listening = self._bind()
        self.port = listening.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]), name="http server")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise ServiceError(f"the HTTP server on {self.address} did not start")
            await asyncio.sleep(STARTED_LOOK_S)
        if self._tls is not None:
            self._renewing = asyncio.create_task(self._renew(Renewal(self._tls)), name="http certificate")

    async def _renew(self, renewal: Renewal) -> None:
        """Give new connections the certificate as it is then, until cancelled."""
        tls, context = self._tls, self._config.ssl
        assert tls is not None and context is not None, "uvicorn has made it"
        while True:
            await asyncio.sleep(RENEW_LOOK_S)
            if renewal.has_new():
                context.load_cert_chain(tls.certificate, tls.key)

    async def stop(self) -> None:
        """Answer what is being answered, then close."""
        if self._renewing is not None:
            self._renewing.cancel()
        task, self._task = self._task, None
        if task is not None:
            self._server.should_exit = True
            await task

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if self._is_shared:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind((self._host, self.port))
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            raise PortInUse(self.address) from error
        listening.setblocking(False)
        return listening
