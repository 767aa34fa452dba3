"""A worker on another host: one outgoing stream to its pool's Action Service, kept up through whatever breaks it."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from penstock_access.credentials import Channel, Credential
from penstock_artifact_store import LocalStore
from penstock_artifact_store.remote import RemoteStore
from penstock_proto import tls
from penstock_proto.action_service.v1 import worker_pb2_grpc
from penstock_proto.action_service.v1.worker_pb2 import (
    ConnectRequest,
    Drain,
    Heartbeat,
    Welcome,
)
from penstock_proto.channels import open_channel
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.wire import OWNER_TRAILER, RETRY_AFTER_TRAILER

from .agent import Agent
from .errors import ExecutorError, NameTaken, TrackersAway
from .executor import Executor
from .output_upload import RemotePrinted
from .report_queue import Outgoing
from .trackers import Trackers
from .worker_token import WorkerToken

HEARTBEATS_A_LEASE: Final = 3
# A message costs more than a report: those of a busy worker go together.
LINGER_S: Final = 0.003
RECONNECT_MIN_S, RECONNECT_MAX_S = 0.1, 2.0
PART_S_MAX = 2.0  # for the Action Service to hear that a worker leaves
CALL_TIMEOUT_S: Final = 30.0
# Beyond the silence after which a former worker of this name counts as gone.
NAME_SLACK_S: Final = 1.0
OPTIONS: Final = [
    ("grpc.keepalive_time_ms", 20_000),  # servers refuse more than one in 10 s, and any outside of calls
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
]
log = logging.getLogger(__name__)
_grpc: Any = grpc


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a worker belongs.

    Attributes:
        connect: HOST:PORT of an Action Service; it names another if that one owns the pool.
        folder: The worker's own: its cache of artifacts and its scratch space; None until it is chosen.
        state_trackers: HOST:PORT of each; none: those that the Action Service names. Whichever answers is asked.
        artifacts: HOST:PORT; empty: what the State Tracker says.
        artifact_folder: The store's own folder, where this host sees it; None: artifacts come by gRPC.
    """

    connect: str
    worker: str = ""
    pool: str = "default"
    folder: Path | None = None
    state_trackers: tuple[str, ...] = ()
    artifacts: str = ""
    artifact_folder: Path | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])
    # Of the worker, where access control is on.
    credential: Credential = field(default_factory=Credential)
    # HOST:PORT at which the token is exchanged; empty: as a State Tracker says.
    authority: str = ""


class RemoteWorker:
    """Connects, and connects again; what it holds survives any break of the stream."""

    def __init__(self, place: Place, executor: Executor) -> None:
        if place.folder is None:
            raise ExecutorError("a worker needs its own folder")
        self._place, self._folder = place, place.folder
        self._executor = executor
        self._agent: Agent | None = None
        self._printed: RemotePrinted | None = None
        self._channels: dict[str, Any] = {}
        self._token = WorkerToken(
            place.credential,
            self._folder / "token",
            place.authority,
            place.state_trackers or (place.connect,),
            self._channel,
        )
        self._outgoing: Outgoing | None = None
        self._is_draining = False
        self._refused_until: float | None = None  # after which a name that is still taken is given up
        self._gone = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        self._parted = asyncio.Event()  # from the Action Service
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain` has ended or the task is cancelled."""
        address, delay_s = self._place.connect, RECONNECT_MIN_S
        keeping = asyncio.create_task(self._token.keep(), name="token")
        try:
            while not self._gone.is_set():
                try:
                    await self._run_until_gone(self._session(address))
                    delay_s = RECONNECT_MIN_S
                except _grpc.aio.AioRpcError as error:
                    address = self._next(address, error)
                except (OSError, TrackersAway) as error:
                    log.warning("the connection to %s failed: %s", address, error)
                self.connected.clear()
                if self._leaving is not None:
                    await self._gone.wait()
                if not self._gone.is_set():
                    await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
                    delay_s = min(2 * delay_s, RECONNECT_MAX_S)
        finally:
            keeping.cancel()
            await self._close()

    def leave(self) -> None:
        """Leave now: what is held is ended and given up, which uses up nothing of it."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._give_up())

    async def _give_up(self) -> None:
        agent, outgoing = self._agent, self._outgoing
        if agent is not None:
            await agent.close()  # while it beats on: what is given up runs no more
        if outgoing is not None and self._outgoing is outgoing:
            outgoing.end_with(ConnectRequest(drain=Drain(leaving=True)))
            with contextlib.suppress(TimeoutError):  # the Action Service ends the stream
                await asyncio.wait_for(self._parted.wait(), PART_S_MAX)
        self._gone.set()

    async def drain(self, timeout_s: float) -> None:
        """Take no more grants, end and report what is held, then leave; what has not ended in time is given up."""
        self._is_draining = True
        self._send(ConnectRequest(drain=Drain()))
        self._leave_if_done()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), timeout_s)
            return
        self.leave()
        await self._gone.wait()

    def _leave_if_done(self) -> None:
        if self._is_draining and self._leaving is None and (self._agent is None or not self._agent.holds_any):
            self._gone.set()

    def _next(self, address: str, error: Any) -> str:
        """Return where to connect next; raise if trying again cannot help."""
        trailers = {str(key): str(value) for key, value in error.trailing_metadata() or ()}
        code = error.code()
        if code == _grpc.StatusCode.ALREADY_EXISTS:
            self._name_is_taken(float(trailers.get(RETRY_AFTER_TRAILER, 0)), str(error.details()))
            return address
        if code == _grpc.StatusCode.FAILED_PRECONDITION and (owner := trailers.get(OWNER_TRAILER)):
            return owner
        if code == _grpc.StatusCode.UNAUTHENTICATED and not self._place.credential.is_given:
            raise ExecutorError(f"{error.details()}; the token of a worker is made by `penstock tokens create --pool`")
        if code in (_grpc.StatusCode.INVALID_ARGUMENT, _grpc.StatusCode.PERMISSION_DENIED):
            raise ExecutorError(f"the Action Service at {address} rejected this worker: {error.details()}")
        why = tls.failure(str(error.details()), tls.chosen()) or error.details()
        log.warning("cannot connect to the Action Service at %s (%s); retrying", address, why)
        return self._place.connect

    def _name_is_taken(self, wait_s: float, details: str) -> None:
        """Wait for the other to be silent for long enough; raise NameTaken if it has been heard meanwhile."""
        now = asyncio.get_running_loop().time()
        if self._refused_until is None:
            self._refused_until = now + wait_s + NAME_SLACK_S
            log.warning("%s; retrying for %.0f s", details, wait_s + NAME_SLACK_S)
        elif now >= self._refused_until:
            raise NameTaken(details)

    async def _session(self, address: str) -> None:
        """One stream, from its start to its end."""
        await self._token.renew()
        if self._agent is None:
            await self._open(address)
        agent = self._agent
        assert agent is not None
        outgoing = self._outgoing = Outgoing(ConnectRequest(register=agent.register()))
        self._parted.clear()
        stub: Any = worker_pb2_grpc.WorkerServiceStub(self._channel(address))
        call = stub.Connect(outgoing.messages())
        beating: asyncio.Task[None] | None = None
        try:
            async for response in call:
                if response.HasField("welcome"):
                    log.info("worker %s joined pool %s at %s", self._place.worker, self._place.pool, address)
                    self._refused_until = None
                    beating = asyncio.create_task(_beat(outgoing, response.welcome))
                    self.connected.set()
                    agent.resend()
                    if self._is_draining:
                        self._send(ConnectRequest(drain=Drain()))
                elif response.HasField("orders"):
                    agent.on_orders(response.orders)
                    self._leave_if_done()
        finally:
            self._outgoing = None
            self._parted.set()
            call.cancel()
            outgoing.close()  # gRPC goes on reading from it where the other side ended the call
            if beating is not None:
                beating.cancel()

    async def _run_until_gone(self, session: Coroutine[Any, Any, None]) -> None:
        """Let a session go on until it ends or the worker leaves."""
        talking, leaving = asyncio.create_task(session), asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait({talking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            talking.cancel()
            (ended,) = await asyncio.gather(talking, return_exceptions=True)
        # A stream that the other side cancelled ends the session like any other break.
        if isinstance(ended, Exception):
            raise ended

    async def _open(self, address: str) -> None:
        """Learn where plans and artifacts are, and make the executor ready; once."""
        addresses = self._place.state_trackers or await self._trackers(address)
        trackers = Trackers({tracker: self._channel(tracker) for tracker in addresses})
        tracker, info = await trackers.info()
        artifacts = self._place.artifacts or info.artifact_address or tracker
        store: LocalStore | RemoteStore
        if self._place.artifact_folder is not None:
            store, store_address = LocalStore(self._place.artifact_folder), ""
        else:
            store = RemoteStore(artifacts, LocalStore(self._folder / "artifacts"), token=self._place.credential)
            store_address = artifacts

        self._printed = RemotePrinted(self._channel(artifacts))
        agent = Agent(
            worker=self._place.worker,
            pool=self._place.pool,
            executor=self._executor,
            store=store,
            store_address=store_address,
            token_file=self._token.file,
            plan=trackers.plan,
            read_values=trackers.values,
            send_reports=self._send_reports,
            output=self._printed,
            ended_runs=trackers.ended_runs,
            scratch=self._folder / "scratch",
            labels=self._place.labels,
            linger_s=LINGER_S,
        )
        await agent.open()
        self._agent = agent

    async def _trackers(self, address: str) -> list[str]:
        """Ask an Action Service where the State Trackers are."""
        from penstock_proto.action_service.v1 import service_pb2 as actions
        from penstock_proto.action_service.v1 import service_pb2_grpc as actions_grpc

        stub: Any = actions_grpc.ActionServiceStub(self._channel(address))
        answer = await stub.ListPools(actions.ListPoolsRequest(), timeout=CALL_TIMEOUT_S)
        return list(answer.state_trackers) or [address]

    def _send_reports(self, reports: list[Report]) -> None:
        """What cannot be sent now is reported again over the next stream."""
        if self._outgoing is not None and self._leaving is None:
            self._outgoing.report(reports)

    def _send(self, request: ConnectRequest) -> None:
        if self._outgoing is not None:
            self._outgoing.send(request)

    def _channel(self, address: str) -> Any:
        if address not in self._channels:
            self._channels[address] = Channel(open_channel(address, OPTIONS), self._place.credential)
        return self._channels[address]

    async def _close(self) -> None:
        if self._agent is not None and self._leaving is None:
            await self._agent.close()
        if self._printed is not None:
            await self._printed.stop()
        for channel in self._channels.values():
            await channel.close()


async def _beat(outgoing: Outgoing, welcome: Welcome) -> None:
    while True:
        await asyncio.sleep(welcome.lease_s / HEARTBEATS_A_LEASE)
        outgoing.send(ConnectRequest(heartbeat=Heartbeat()))
