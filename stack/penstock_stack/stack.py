"""The embedded stack: every service in one process, on one port, over one data folder."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from penstock.client.discovery import Running, announce, withdraw
from penstock_access.rules import Of
from penstock_action_service.app import ActionService
from penstock_artifact_store import LocalStore
from penstock_artifact_store import measures as artifact_measures
from penstock_artifact_store.service import add_to_server
from penstock_dependency_manager import DependencyManager
from penstock_executors.process import ProcessExecutor
from penstock_executors.trackers import Trackers
from penstock_history.app import History
from penstock_notifications.app import Notifications
from penstock_notifications.settings import Sending
from penstock_observability import metrics
from penstock_proto import tls
from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_registry.app import Registry
from penstock_registry.publication import Broker
from penstock_service import channels, grpc_server
from penstock_service.access import Access
from penstock_service.certificates import watch as watch_certificate
from penstock_service.errors import PortInUse
from penstock_service.guard import by_run
from penstock_service.settings import BadAddress, is_loopback, split_address
from penstock_service.watchdog import Watchdog
from penstock_state_tracker.app import StateTracker, prepare
from penstock_state_tracker.deployment import Deployment
from penstock_stream import measures
from penstock_stream.local import LocalStream
from penstock_stream.stream import Stream
from pydantic import ValidationError

from . import certificates
from .access import Secured
from .errors import NotGuarded, StackError
from .folder import DataFolder
from .keeper import Keeper
from .ports import HOST, choose_port
from .postgres import EmbeddedPostgres
from .retention import Retention
from .worker import EmbeddedWorker

DATABASE = "penstock"
NAME = "embedded"
CERTIFICATES = "certificates"
LOADED_MAX_S = 60.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a stack is told when it starts.

    Attributes:
        port: On 127.0.0.1; 0 takes a free one.
        shards: Of the data folder, when it is made; None takes what it was made with, or 256.
        cpu, memory_bytes, gpu: For operators; None takes what this machine has.
        workers: Whether it executes operators itself.
        kafka: The streams go through a real Kafka of its own, whose data are kept, too.
        traces: HOST:PORT of an OpenTelemetry collector that gets a trace of each run; nobody if empty.
        metrics_port: On 127.0.0.1, answers /metrics in Prometheus' text format; 0 takes a free one, None is nowhere.
        http_port: On 127.0.0.1, answers the REST API; 0 takes a free one, None is nowhere.
        is_http_port_open: Another port will do where that one is in use.
        retention_s: Ended runs that are older are removed, with what only they refer to; None keeps all.
        attended: It ends with the command that started it; clients are told.
        access: Whether services verify who calls; None is as this data folder was served before, at first not.
        tls: Connections are encrypted, with certificates of an authority of its own.
        host: Address to listen on. Beyond loopback, that requires both.
    """

    port: int = 0
    shards: int | None = None
    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int | None = None
    workers: bool = True
    kafka: bool = False
    traces: str = ""
    metrics_port: int | None = None
    http_port: int | None = None
    is_http_port_open: bool = False
    retention_s: float | None = None
    attended: bool = False
    access: bool | None = None
    tls: bool = False
    host: str = HOST


class Stack:
    """Start it and stop it on one event loop. Killed at any moment, the next start continues every run."""

    def __init__(self, data: Path, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._folder = DataFolder(data)
        self._secured = Secured(self._folder.path)
        self._tls = tls.Tls()
        self._stops: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self.address = ""
        # HOST:PORT of /metrics; empty if it is not served.
        self.metrics_address = ""
        # HOST:PORT of the REST API; empty if it is not served.
        self.http_address = ""
        # Of its authority; empty if nothing is encrypted.
        self.ca = ""
        # File with the token of the first admin; None if access control is off.
        self.admin_token: Path | None = None
        # HOST:PORT of the broker that the streams go through; empty if there is none.
        self.kafka_address = ""

    async def start(self) -> None:
        """Return once runs can be submitted and everything open goes on.

        Raises:
            StackError: The folder is in use, of another version or unusable, or Postgres does not start.
            PortInUse: The port is taken.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop in the reverse order of the start; what fails is logged and does not keep the rest."""
        while self._stops:
            name, stop = self._stops.pop()
            try:
                await stop()
            except Exception:
                log.exception("%s did not stop cleanly", name)

    async def _start(self) -> None:
        settings, path = self._settings, self._folder.path
        is_guarded = self._is_guarded()
        shards = self._folder.open(settings.shards).shards
        self._stops.append(("folder", _blocking(self._folder.close, here=True)))
        self._use_certificates()
        watchdog = Watchdog()
        watchdog.start()
        self._stops.append(("watchdog", watchdog.stop))
        port = choose_port(settings.port)
        self.address = f"{HOST}:{port}"
        url, _ = await asyncio.gather(self._postgres(path / "postgres"), self._load_gateway())
        # The folder's lock proves that whoever had the leases is gone.
        deployment = await prepare([url], shards, alone=True)
        self._metrics()
        stream = await self._stream(deployment, path / "kafka")
        await stream.start()
        self._stops.append(("stream", stream.stop))
        self._stops.append(("stream's metrics", _blocking(measures.register(stream), here=True)))
        store = LocalStore(path / "artifacts")
        self._stops.append(("artifacts' metrics", _blocking(artifact_measures.register(store), here=True)))
        access = self._access() if is_guarded else None
        tracker = StateTracker([url], stream, NAME, self.address, shards, str(store.folder))
        self._stops.append(("state tracker", tracker.stop))
        await tracker.start()
        broker = Broker(self.kafka_address) if self.kafka_address else None
        registry = Registry(url, [self.address], is_authority=is_guarded, broker=broker)
        self._stops.append(("registry", registry.stop))
        await registry.start()
        guards = [access.guard({Of.RUN: by_run(tracker.team_of), Of.WORKFLOW: registry.team_of})] if access else []
        server = grpc_server.server(grpc_server.ServerOptions(host=settings.host, port=port, tls=self._tls), guards)
        tracker.register(server)
        unlocking = DependencyManager(stream, [self.address], range(shards))
        unlocking.register(server)
        granting = self._action_service(url, stream, shards)
        granting.register(server)
        registry.register(server)
        history = History(stream, database_url=url, state_trackers=[self.address], shards=range(shards))
        history.register(server)
        self._stops.append(("history", history.stop))
        notifications = self._notifications(url, stream, shards)
        notifications.register(server)
        self._stops.append(("notifications", notifications.stop))
        add_to_server(store, server.grpc)
        server.serves(artifact_pb2.DESCRIPTOR.services_by_name["ArtifactStoreService"].full_name)
        self._stops.append(("server", server.stop))
        await server.start()
        if access is not None:
            self._stops.append(("access control", access.stop))
        self._stops.append(("dependency manager", unlocking.stop))
        await unlocking.start()
        self._stops.append(("action service", granting.stop))
        await granting.start()
        async with asyncio.timeout(LOADED_MAX_S):
            await asyncio.gather(unlocking.wait_loaded(), granting.wait_loaded())
        await history.start()
        await notifications.start()
        if settings.traces:
            await self._tracer(stream, deployment)
        if settings.workers:
            await self._worker(store, granting)
        await server.set_serving()
        if is_guarded:
            self.admin_token = await self._secured.make_tokens(self.address, tls.chosen(), workers=False)
        if settings.http_port is not None:
            await self._gateway(settings.http_port)
        if settings.retention_s is not None:
            self._stops.append(("retention", self._retention(settings.retention_s).stop))
        self._announce(path)
        log.info("penstock %s listens on %s, its data is in %s", version("penstock-stack"), self.address, path)

    def _is_guarded(self) -> bool:
        """Whether services verify who calls; raise NotGuarded."""
        settings = self._settings
        is_guarded = self._secured.is_set_up if settings.access is None else settings.access
        if not is_loopback(settings.host) and not (is_guarded and settings.tls):
            raise NotGuarded(settings.host)
        return is_guarded

    def _use_certificates(self) -> None:
        """Let all parts, which call each other on loopback, be encrypted or not."""
        files, settings = tls.Tls(), self._settings
        if settings.tls:
            hosts = list(dict.fromkeys([*certificates.LOCAL, socket.gethostname(), settings.host]))
            issued = certificates.issue_of(self._folder.path / CERTIFICATES, "stack", NAME, hosts=hosts)
            self.ca = str(issued.ca)
            files, self._tls = tls.Tls(ca=self.ca), issued.tls
            self._stops.append(("certificate's metrics", _blocking(watch_certificate(self._tls), here=True)))
        tls.choose(files)
        self._stops.append(("certificates", _blocking(lambda: tls.choose(tls.Tls()), here=True)))

    def _access(self) -> Access:
        """Let all channels that are opened from now on carry a token of a service."""
        return Access(self._secured.key(), self.address, "penstock", NAME)

    def _announce(self, path: Path) -> None:
        token_file = str(self.admin_token or "")
        attended, pid = self._settings.attended, os.getpid()
        announce(path, Running(self.address, pid, attended, self.http_address, token_file, self.ca))
        self._stops.append(("announcement", _blocking(lambda: withdraw(path), here=True)))

    def _retention(self, older_than_s: float) -> Retention:
        return Retention(self.address, older_than_s, self._secured.token if self.admin_token else str)

    async def _load_gateway(self) -> None:
        """Import it, which takes a second, while Postgres starts."""
        if self._settings.http_port is not None:
            await asyncio.to_thread(importlib.import_module, "penstock_gateway.app")

    async def _gateway(self, port: int) -> None:
        # Commands that start a stack for themselves do without it, and start sooner.
        from penstock_gateway.app import Gateway

        async def listen(port: int) -> None:
            host, files = self._settings.host, self._tls if self._settings.tls else None
            hosts = [] if is_loopback(host) else [host, socket.gethostname()]
            gateway = Gateway(self.address, host=host, port=choose_port(port), hosts=hosts, tls=files)
            self._stops.append(("gateway", gateway.stop))
            await gateway.start()
            self.http_address = gateway.address

        try:
            await listen(port)
        except PortInUse:
            if not self._settings.is_http_port_open:
                raise
            await listen(0)

    def _metrics(self) -> None:
        """Serve metrics, also of the time in which the other parts start."""
        if (port := self._settings.metrics_port) is None:
            return
        try:
            port, stop = metrics.serve(port, HOST)
        except OSError as error:
            raise StackError(f"cannot serve metrics on {HOST}:{port}: {error.strerror}; choose another port") from error
        self._stops.append(("metrics", _blocking(stop)))
        self.metrics_address = f"{HOST}:{port}"

    async def _postgres(self, folder: Path) -> str:
        postgres = EmbeddedPostgres(folder)
        self._stops.append(("postgres", _blocking(postgres.stop)))
        await asyncio.to_thread(postgres.start)
        self._stops.append(("postgres' keeper", Keeper(postgres).stop))
        return await asyncio.to_thread(postgres.create, DATABASE)

    async def _stream(self, deployment: Deployment, folder: Path) -> Stream:
        if not self._settings.kafka:
            return LocalStream()
        from penstock_stream.kafka.stream import KafkaStream

        from .kafka import EmbeddedKafka

        kafka = EmbeddedKafka(folder)
        self._stops.append(("kafka", _blocking(kafka.stop)))
        await asyncio.to_thread(kafka.start)
        self.kafka_address = kafka.address
        return KafkaStream(kafka.address, shards=deployment.shards, deployment=deployment.name)

    def _action_service(self, url: str, stream: Stream, shards: int) -> ActionService:
        return ActionService(
            stream,
            state_trackers=[self.address],
            dependency_managers=[self.address],
            shards=range(shards),
            database_url=url,
            owner=NAME,
            address=self.address,
            alone=True,
        )

    def _notifications(self, url: str, stream: Stream, shards: int) -> Notifications:
        try:
            sending = Sending()
        except ValidationError as error:
            raise StackError(f"invalid settings of notifications: {error}") from error
        return Notifications(
            stream, database_url=url, state_trackers=[self.address], shards=range(shards), sending=sending
        )

    async def _tracer(self, stream: Stream, deployment: Deployment) -> None:
        try:
            from penstock_tracer.errors import TracerError
            from penstock_tracer.shell import Tracer
        except ModuleNotFoundError as error:
            raise StackError(f"traces require penstock-stack[traces]: {error}") from error
        collector = self._settings.traces
        try:
            split_address(collector)
            tracer = Tracer(
                stream,
                state_trackers=[self.address],
                shards=range(deployment.shards),
                deployment=deployment.name,
                otlp=collector,
                folder=self._folder.path / "tracer",
            )
            self._stops.append(("tracer", tracer.stop))
            await tracer.start()
        except (BadAddress, TracerError) as error:
            raise StackError(f"traces cannot be exported: {error}") from error

    async def _worker(self, store: LocalStore, granting: ActionService) -> None:
        settings = self._settings
        executor = ProcessExecutor(
            cpu_milli=None if settings.cpu is None else round(settings.cpu * 1000),
            memory_bytes=settings.memory_bytes,
            gpus=None if settings.gpu is None else [str(index) for index in range(settings.gpu)],
        )
        channel = channels.open_channel(self.address)
        self._stops.append(("worker's channel", channel.close))
        trackers = Trackers({self.address: channel})
        scratch = self._folder.path / "scratch"
        worker = EmbeddedWorker(NAME, executor, store, trackers, scratch, granting.connect)
        self._stops.append(("worker", worker.stop))
        await worker.start()


def _blocking(work: Callable[[], None], *, here: bool = False) -> Callable[[], Awaitable[None]]:
    """A step that waits for the disk or a process, in a thread unless it must be done `here`."""

    async def do() -> None:
        if here:
            work()
        else:
            await asyncio.to_thread(work)

    return do
