"""A service as a process: settings, logs, metrics, health that means ready, and an orderly end on SIGTERM."""

import argparse
import asyncio
import logging
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from penstock_access.rules import Of
from penstock_observability import logs, metrics
from penstock_proto import tls
from pydantic import ValidationError

from . import access, certificates, grpc_server
from .errors import ServiceError
from .guard import TeamOf
from .runtime import loop_factory, settle_garbage
from .settings import ServiceSettings, split_address
from .variables import Variable, variables
from .watchdog import Watchdog

READY_EVERY_S: Final = 0.25
TRY_AGAIN_MIN_S, TRY_AGAIN_MAX_S = 0.25, 5.0
STOP_S_MAX: Final = 20.0
BAD_SETTINGS: Final = 2
HELP_COLUMNS: Final = 100
INDENT: Final = 6 * " "

log = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)
T = TypeVar("T")


class Process:
    """What a service is given while it starts.

    Attributes:
        stops: What is done at the end, last first.
        ready: Asked again and again, once the service has started; health answers accordingly.
    """

    def __init__(self, settings: ServiceSettings | None = None) -> None:
        self.stops = AsyncExitStack()
        self.ready: Callable[[], bool] = lambda: True
        self.server: grpc_server.Server | None = None
        self._access = access.of(settings, self.stop) if settings is not None else None

    def stop(self, step: Callable[[], Awaitable[object]]) -> None:
        """Do this at the end, before what was named earlier."""
        self.stops.push_async_callback(step)

    async def serve(
        self,
        settings: ServiceSettings,
        register: Callable[[grpc_server.Server], None],
        teams: Mapping[Of, TeamOf] | None = None,
    ) -> grpc_server.Server:
        """Listen, with the services that `register` adds.

        Args:
            teams: Where the team of what requests name comes from, for access control.
        """
        host, port = split_address(settings.listen)
        access, known = self._access, settings.has_verified_callers
        guards = [access.guard(teams or {}, with_certificates=known)] if access is not None else []
        options = grpc_server.ServerOptions(
            host=host,
            port=port,
            tls=settings.tls,
            client_certificates=settings.tls_client_certificates,
            public=settings.public_listen,
        )
        server = self.server = grpc_server.server(options, guards)
        register(server)
        await server.start()
        self.stop(server.stop)
        return server

    async def report_health(self) -> None:
        """Keep health up to date until cancelled."""
        healthy = False
        while True:
            if self.server is not None and self.ready() != healthy:
                healthy = not healthy
                log.info("ready" if healthy else "not ready")
                await self.server.set_serving(healthy)
            await asyncio.sleep(READY_EVERY_S)


async def retry_until_available(step: Callable[[], Awaitable[T]], away: tuple[type[Exception], ...], what: str) -> T:
    """Repeat a step while what it needs is unavailable; return its result.

    Args:
        away: The errors that the step raises then.
        what: The name of what is unavailable, for the log.
    """
    delay_s = TRY_AGAIN_MIN_S
    while True:
        try:
            return await step()
        except away as error:
            log.warning("%s is unavailable, retrying in %.2g s: %s", what, delay_s, error or type(error).__name__)
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, TRY_AGAIN_MAX_S)


def run(kind: type[S], start: Callable[[S, Process], Awaitable[None]], errors: tuple[type[Exception], ...] = ()) -> int:
    """Run a service until SIGTERM or SIGINT; return the exit code.

    Args:
        start: Starts everything, and says to the process what stops it.
        errors: Errors of `start` that the user can fix: shown as one line.
    """
    _parser(kind).parse_args()
    try:
        settings = kind()
        certificates.check(settings.tls)
    except (ValidationError, ServiceError) as error:
        for line in problems(error):
            print(f"error: {line}", file=sys.stderr)
        return BAD_SETTINGS
    as_json = {"auto": None, "json": True, "text": False}[settings.log_format]
    logs.configure(kind.service, level=settings.log_level, as_json=as_json)
    tls.choose(settings.tls)
    try:
        if settings.metrics_listen:
            host, port = split_address(settings.metrics_listen)
            metrics.serve(port, host)
        certificates.watch(settings.tls)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(settings, start))
    except (ServiceError, OSError, *errors) as error:
        log.error("%s", error)
        return 1
    except Exception:
        log.exception("the service failed")
        return 1
    return 0


def _parser(kind: type[ServiceSettings]) -> argparse.ArgumentParser:
    """Return a parser that accepts no arguments and whose help lists the variables."""
    lines = "\n".join(_line(one) for one in variables(kind))
    return argparse.ArgumentParser(
        kind.service,
        description=f"{kind.__doc__}\n\nIt is configured by environment variables:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _line(one: Variable) -> str:
    unset = "required" if one.default is None else one.default or "empty"
    meaning = textwrap.fill(one.meaning, HELP_COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT)
    return f"  {one.name}  ({one.kind}; {unset})\n{meaning}"


def problems(error: Exception) -> list[str]:
    """Return the problems of the environment, one line per variable."""
    if not isinstance(error, ValidationError):
        return [str(error)]
    return [
        f"PENSTOCK_{'_'.join(str(part) for part in one['loc'][:1]).upper()}: {one['msg']}" for one in error.errors()
    ]


async def _serve(settings: S, start: Callable[[S, Process], Awaitable[None]]) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    watchdog = Watchdog()
    watchdog.start()
    process = Process(settings)
    starting = asyncio.ensure_future(start(settings, process))
    stopping = asyncio.create_task(told.wait())
    watching: asyncio.Task[None] | None = None
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            settle_garbage()
            watching = asyncio.create_task(process.report_health())
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
    finally:
        others: list[asyncio.Future[Any]] = [starting, stopping]
        for task in others if watching is None else [*others, watching]:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await _end(process)
        await watchdog.stop()


async def _end(process: Process) -> None:
    log.info("stopping")
    if process.server is not None:
        await process.server.set_serving(False)
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await process.stops.aclose()
    except TimeoutError:
        log.error("shutdown took longer than %.0f s and was cut short", STOP_S_MAX)
