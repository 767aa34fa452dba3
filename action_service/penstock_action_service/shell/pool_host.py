"""The shell around one pool: feeds its core, and carries out what the core decides, once per turn of the loop."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from penstock_proto.action_service.v1.worker_pb2 import Grant, Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_WORKER, Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch
from penstock_proto.wire import pieces
from penstock_stream.errors import UpstreamAway
from penstock_stream.follower import Follower, Snapshot
from penstock_stream.messages import ShardReports
from penstock_stream.stream import ACTIONS, REPORTS, Stream
from penstock_stream.upstreams import DependencyManagerUpstream, action_span

from ..errors import NameTaken
from ..measures import Measures
from ..pool import outcomes
from ..pool.core import Pool
from ..pool.effects import Granted, Learnt, Publish, Resend, ToWorker
from ..pool.keys import key_of
from .grant_values import Filler
from .orders import Orders
from .sessions import Session
from .trackers import Trackers
from .values import Position, ValueCache

TICK_S = 0.05
SAY_EVERY_S = 10.0
GRANT_BYTES_MAX = 3 * 2**20  # with the values of its inputs; a message to a worker may have 4 MiB
RESENT_BATCHES_MAX = 8  # in one call
# So long a new owner waits for a Dependency Manager that is behind: it would name attempts that have ended meanwhile.
BEHIND_S_MAX = 10.0
RESENDING_MAX = 4  # calls at the same time; the reports of others come up again later

log = logging.getLogger(__name__)


class PoolHost:
    """One pool that this process owns, from the take-over until its lease is lost."""

    def __init__(
        self,
        name: str,
        epoch: int,
        lease_s: float,
        weights: Mapping[str, float],
        stream: Stream,
        upstreams: Sequence[DependencyManagerUpstream],
        shards: Collection[int],
        trackers: Trackers,
        cache: ValueCache,
        former_workers: Collection[str] = (),
    ) -> None:
        self.name, self.epoch, self.lease_s = name, epoch, lease_s
        self.core = Pool(name, epoch, lease_s=lease_s, weights=weights, former_workers=former_workers)
        self.sessions: dict[str, Session] = {}
        self._stream, self._trackers, self._cache = stream, trackers, cache
        self._filler = Filler(cache, trackers, self._send_filled, self._end_absent)
        self._follower = Follower[ActionBatch](
            stream=stream, topic=ACTIONS, upstreams=upstreams, shards=shards, span=action_span, consumer=self
        )
        self._measures = Measures(name)
        self._loop = asyncio.get_running_loop()
        self._flush_soon: asyncio.Handle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._resending: set[asyncio.Task[None]] = set()
        self._taking: dict[int, asyncio.Task[None]] = {}  # large batches that are taken in steps, by shard
        self._catching_up: asyncio.Task[None] | None = None
        self._heads: asyncio.Task[dict[int, int]] | None = None  # of the logs, as of the take-over
        self._began_at = -math.inf
        self._is_open = True
        self._said_at = -math.inf

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        self._began_at = self._loop.time()
        self._heads = asyncio.create_task(self._trackers.heads())
        await self._follower.start()
        self._catching_up = asyncio.create_task(self._catch_up())
        self._ticker = self._loop.call_later(TICK_S, self._tick)

    @property
    def is_loaded(self) -> bool:
        """Whether the state of every shard is known."""
        return self._follower.is_loaded

    async def wait_loaded(self) -> None:
        """Return once the state of every shard is known."""
        await self._follower.wait_loaded()

    async def stop(self) -> None:
        """End all connections and forget everything: the log knows what matters."""
        self._is_open = False
        self._measures.stop()
        for handle in (self._flush_soon, self._ticker):
            if handle is not None:
                handle.cancel()
        for session in list(self.sessions.values()):
            session.end()
        self.sessions.clear()
        once = [task for task in (self._catching_up, self._heads) if task is not None]
        tasks: list[asyncio.Task[Any]] = [*self._resending, *self._taking.values(), *once]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._filler.close()
        await self._follower.stop()

    # What the follower calls

    def apply(self, batch: ActionBatch, after_seq: int) -> bool:
        if len(batch.instructions) <= self.core.STEP:
            self.core.actions(batch, self._loop.time())
            return True
        if batch.to_seq <= self.core.positions.get(batch.shard, 0):
            return True  # it was taken in steps
        self._taking[batch.shard] = asyncio.create_task(self._take_in_steps(batch))
        return False

    async def load(self, snapshot: Snapshot) -> None:
        if (taking := self._taking.pop(snapshot.shard, None)) is not None:
            taking.cancel()
        await self._check_covers_log(snapshot)
        # The follower knows what is new: it goes back where the stream led astray.
        self.core.go_back(snapshot.shard, snapshot.seq)
        now = self._loop.time()
        await self._step(self.core.snapshot_in_steps(snapshot.shard, snapshot.seq, snapshot.items, now))

    async def _check_covers_log(self, snapshot: Snapshot) -> None:
        """Raise UpstreamAway for a snapshot of a Dependency Manager that has not read the log up to the take-over.

        It may name attempts whose end is recorded, and whose workers have therefore forgotten them: they would be
        executed again. After `BEHIND_S_MAX` it is taken as it is: an attempt that is executed twice does less harm
        than a pool that stands still, and its second end is not recorded.
        """
        seq = (await asyncio.shield(self._heads)).get(snapshot.shard, 0) if self._heads is not None else 0
        if snapshot.seq < seq and self._loop.time() - self._began_at < BEHIND_S_MAX:
            raise UpstreamAway(f"a Dependency Manager has read shard {snapshot.shard} to {snapshot.seq}, not to {seq}")

    def flush(self) -> None:
        """Do all that the core asks for."""
        if self._flush_soon is not None:
            self._flush_soon.cancel()
            self._flush_soon = None
        published: list[ShardReports] = []
        resent: list[ReportBatch] = []
        for effect in self.core.decide(self._loop.time()):
            match effect:
                case ToWorker():
                    with self._contain_errors("orders for a worker"):
                        self._order(effect)
                case Learnt(shard, seq, report):
                    if report.HasField("succeeded"):
                        self._cache.put((shard, seq), report.succeeded.outputs.SerializeToString())
                case Publish(shard, reports):
                    published += [ShardReports(shard, some) for some in cut(reports)]
                case Resend(shard, reports):
                    resent += [ReportBatch(shard=shard, reports=some) for some in cut(reports)]
        if self.core.problems:
            problems, self.core.problems = self.core.problems, []
            log.error("%d problems were skipped; the first: %s", len(problems), problems[0])
        self._measures.sample(*self.core.stages())
        if resent:
            self._resend(resent)
        if published:
            self._stream.publish(REPORTS, published)
        self._filler.fetch()

    async def _take_in_steps(self, batch: ActionBatch) -> None:
        await self._step(self.core.actions_in_steps(batch, self._loop.time()))
        del self._taking[batch.shard]
        self._follower.resume(batch.shard)

    async def _step(self, steps: Iterator[None]) -> None:
        """Let the loop turn after each step: others are served, and what was taken is granted."""
        for _ in steps:
            self._wake()
            await asyncio.sleep(0)

    # What sessions call

    def connect(self, register: Register, send: Callable[[Orders], None], closed: Callable[[], None]) -> Session:
        """Take a worker in; a former connection of it ends. Raises NameTaken if that is another one's, which lives."""
        now = self._loop.time()
        if (rival := self.core.rival(register, now)) is not None:
            silent_s = now - rival.heard_at
            log.warning(
                "rejected a second worker %s, on %s: the first one, on %s, sent a heartbeat %.1f s ago",
                register.worker, register.host, rival.register.host, silent_s,
            )  # fmt: skip
            raise NameTaken(register.worker, self.name, rival.register.host, silent_s, self.core.rival_gone_s)
        former = self.sessions.pop(register.worker, None)
        if former is not None:
            former.end()
        self._filler.forget(register.worker)
        session = self.sessions[register.worker] = Session(self, register, send, closed)
        try:
            self.core.register(register, now)
        except Exception:  # half a registration would be in the way of all others
            log.exception("worker %s cannot join; dropping it", register.worker)
            session.end()
            del self.sessions[register.worker]
            self.core.remove(register.worker, now)
            raise
        self._wake()
        held = len(register.held)
        log.info(
            "worker %s on host %s joined pool %s, holding %d actions", register.worker, register.host, self.name, held
        )
        return session

    def reports(self, session: Session, reports: Sequence[Report]) -> None:
        if self._check_known(session):
            self.core.reports(session.worker, reports, self._loop.time())
            self._wake()

    def heartbeat(self, session: Session) -> None:
        if self._check_known(session):
            self.core.heartbeat(session.worker, self._loop.time())

    def end_session(self, session: Session, *, stopped: bool = False) -> None:
        if self.sessions.get(session.worker) is not session:
            return
        del self.sessions[session.worker]
        self._filler.forget(session.worker)
        log.info("worker %s %s pool %s", session.worker, "left" if stopped else "was disconnected from", self.name)
        if stopped:
            self.core.remove(session.worker, self._loop.time(), stopped=True)
        else:
            self.core.disconnect(session.worker, self._loop.time())
        self._wake()

    def drain(self, worker: str) -> None:
        self.core.drain(worker)
        self._wake()

    def _check_known(self, session: Session) -> bool:
        """End the connection of a worker that was given up: it has to say again what it holds."""
        if self.core.knows(session.worker):
            return True
        session.close()
        return False

    # Inside

    def _wake(self) -> None:
        if self._flush_soon is None and self._is_open:
            self._flush_soon = self._loop.call_soon(self.flush)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK_S, self._tick)
        with self._contain_errors("a timer"):
            self.core.tick(self._loop.time())
        with self._contain_errors("an effect"):
            self.flush()
        self._measures.look(self.core, self._loop.time())

    @contextmanager
    def _contain_errors(self, what: str) -> Generator[None]:
        """Go on after a mistake of ours, and say it, not too often."""
        try:
            yield
        except Exception:
            now = self._loop.time()
            if now - self._said_at > SAY_EVERY_S:
                self._said_at = now
                log.exception("pool %s: %s failed; continuing", self.name, what)

    async def _catch_up(self) -> None:
        await self._follower.wait_loaded()
        self.core.note_caught_up(self._loop.time())
        self._wake()

    def _order(self, orders: ToWorker) -> None:
        session = self.sessions.get(orders.worker)
        if session is None:
            return
        for number in orders.stop:
            if (grant := self._filler.withdraw(number)) is not None:
                self._end(orders.worker, grant, CAUSE_CANCELLED, "stopped before it was sent to a worker")
        filled = [self._fill(granted, orders.worker) for granted in orders.grants]
        self._send(session, orders.recorded, orders.stop, [grant for grant in filled if grant is not None])

    def _fill(self, granted: Granted, worker: str) -> Grant | None:
        try:
            return self._filler.fill(granted, worker)
        except Exception as error:  # a mistake of ours: it costs this attempt, and no other one's order
            log.exception("cannot create a grant")
            start = granted.start
            grant = Grant(grant=granted.grant, run_id=start.run_id, node=start.node, attempt=start.attempt)
            grant.item.extend(start.item)
            self._end(worker, grant, CAUSE_WORKER, f"the Action Service cannot create its grant: {error}", final=True)
            return None

    def _send_filled(self, worker: str, grants: list[Grant]) -> None:
        session = self.sessions.get(worker)
        if session is not None:
            self._send(session, [], [], grants)

    def _send(self, session: Session, recorded: list[int], stop: list[int], grants: list[Grant]) -> None:
        sizes = [grant.ByteSize() for grant in grants]
        if sizes and max(sizes) > GRANT_BYTES_MAX:
            grants = self._end_too_large(session.worker, grants)
            sizes = [grant.ByteSize() for grant in grants]
        if grants or recorded or stop:
            session.order(recorded, stop, grants, sizes)

    def _end_too_large(self, worker: str, grants: list[Grant]) -> list[Grant]:
        """End grants that are too large for a message: they would break the worker's connection each time."""
        fit: list[Grant] = []
        for grant in grants:
            size = grant.ByteSize()
            if not grant.inputs or size <= GRANT_BYTES_MAX:
                fit.append(grant)
                continue
            text = f"its inputs have {size:,} bytes, the limit is {GRANT_BYTES_MAX:,}: pass fewer, larger values"
            self._end(worker, grant, CAUSE_WORKER, text, final=True)
        return fit

    def _end_absent(self, worker: str, grant: Grant, position: Position) -> None:
        shard, seq = position
        self._end(worker, grant, CAUSE_WORKER, f"no value is recorded at position {seq} of shard {shard}")

    def _end(self, worker: str, grant: Grant, cause: Cause, text: str, *, final: bool = False) -> None:
        """Report a grant that its worker never got."""
        report = outcomes.failed(key_of(grant), grant.grant, worker, cause, text, final=final)
        self.core.reports(worker, [report], self._loop.time())
        self._wake()

    def _resend(self, batches: list[ReportBatch]) -> None:
        while batches and len(self._resending) < RESENDING_MAX:
            call, batches = batches[:RESENT_BATCHES_MAX], batches[RESENT_BATCHES_MAX:]
            task = asyncio.create_task(self._report(call))
            self._resending.add(task)
            task.add_done_callback(self._resending.discard)

    async def _report(self, batches: Sequence[ReportBatch]) -> None:
        settled = await self._trackers.report(batches)
        if settled.grants:
            self.core.settle(settled.grants, settled.seqs)
            self._wake()


def cut(reports: Sequence[Report]) -> list[Sequence[Report]]:
    """Cut reports where they would be too large for one message."""
    if len(reports) == 1:
        return [reports]
    return [reports[piece] for piece in pieces(report.ByteSize() for report in reports)]
