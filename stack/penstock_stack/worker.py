"""The stack's own worker: an agent whose link to the Action Service is a function call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from penstock_artifact_store import LocalStore
from penstock_executors.agent import Agent
from penstock_executors.core import Orders
from penstock_executors.executor import Executor
from penstock_executors.trackers import Trackers
from penstock_proto.action_service.v1.worker_pb2 import Register, Welcome
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from .output_files import Printed

# A third of the lease, so that two may be late.
HEARTBEATS_A_LEASE = 3
RECONNECT_S, RECONNECT_MAX_S = 0.1, 2.0
log = logging.getLogger(__name__)


class Session(Protocol):
    """What of the Action Service's session is used here."""

    welcome: Welcome
    is_open: bool

    def reports(self, reports: list[Report]) -> None: ...

    def heartbeat(self) -> None: ...

    def leave(self) -> None: ...


Connect = Callable[[Register, Callable[[Orders], None], Callable[[], None]], Session]


class EmbeddedWorker:
    """Connects, and connects again if the Action Service ends the connection."""

    def __init__(
        self,
        name: str,
        executor: Executor,
        store: LocalStore,
        trackers: Trackers,
        scratch: Path,
        connect: Connect,
    ) -> None:
        self._printed = Printed(store)
        self._connect = connect
        self._session: Session | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._refusals = 0
        self._agent = Agent(
            worker=name,
            executor=executor,
            store=store,
            plan=trackers.plan,
            read_values=trackers.values,
            send_reports=self._send,
            output=self._printed,
            ended_runs=trackers.ended_runs,
            scratch=scratch,
        )

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._agent.open()
        self._link()

    async def stop(self) -> None:
        """End what runs, and give it up: whoever starts next runs it again, and nothing is used up."""
        self._is_closing = True
        session = self._session
        await self._agent.close()  # while it beats on: what is given up runs no more
        self._session = None
        if self._timer is not None:
            self._timer.cancel()
        if session is not None and session.is_open:
            session.leave()
        await self._printed.stop()

    def _link(self) -> None:
        try:
            self._session = self._connect(self._agent.register(), self._agent.on_orders, self._on_closed)
        except Exception as error:
            if not self._refusals:
                log.warning("the Action Service does not accept the worker (%s); retrying", error)
            delay_s = min(RECONNECT_MAX_S, RECONNECT_S * 2 ** min(self._refusals, 10))
            self._refusals += 1
            self._timer = self._loop.call_later(delay_s, self._link)
            return
        self._refusals = 0
        self._agent.resend()
        self._beat()

    def _beat(self) -> None:
        session = self._session
        if session is None or not session.is_open:
            return
        self._timer = self._loop.call_later(session.welcome.lease_s / HEARTBEATS_A_LEASE, self._beat)
        session.heartbeat()

    def _send(self, reports: list[Report]) -> None:
        """What is not taken is reported again over the next connection."""
        if (session := self._session) is not None and session.is_open and not self._is_closing:
            session.reports(reports)

    def _on_closed(self) -> None:
        self._session = None
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_closing:
            self._timer = self._loop.call_later(RECONNECT_S, self._link)
