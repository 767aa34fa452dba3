"""The pure core of the Action Service: who runs where and when, in one pool.

No I/O and no clock: `now` is monotonic seconds. What is to be done is gathered, and returned by `decide`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from penstock_proto.action_service.v1 import service_pb2 as api
from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction, Recorded, Running, Start, Stop
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_PREEMPTED, CAUSE_TIMEOUT
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.wire import DEFAULT_POOL

from . import reconciliation, scheduler, status
from .book import Book
from .effects import Effect, Learnt, Publish, Resend
from .keys import UNCLAIMED, State, key_of
from .records import Action, Worker

TIMEOUT_SLACK_S = 15.0  # the worker enforces timeouts; so much later this service does
STALLED_S = 0.2  # nothing ended at a worker for so long: what waits there is asked back
CHECK_EVERY_S = 1.0
RIVAL_GONE_LEASES = 2 / 3
UNCLAIMED_MAX_S = 600.0  # after a take-over, for a log that does not answer


class Pool:
    """One pool of workers, and every open attempt that wants to run there."""

    STEP = 2_000  # attempts that are taken at once: about 20 ms, 40 if they are stopped

    def __init__(
        self,
        name: str,
        epoch: int,
        grants_from: int = 1,
        lease_s: float = 10.0,
        weights: Mapping[str, float] = MappingProxyType({}),
        former_workers: Collection[str] = (),
    ) -> None:
        """Start with nothing known.

        Args:
            epoch: Raised whenever the pool changes its owner; no two pools of this name share one.
            lease_s: A worker silent for longer is gone. A new pool waits as long for what runs already.
            weights: Shares of teams, 1 where not named.
            former_workers: That were connected to the pool's former owner. Until they are back, or for one lease, what
                was ready before is not granted: one of them may run it, and the log not know yet.
        """
        self.name = name
        self.epoch = epoch
        self.lease_s = lease_s
        self.positions: dict[int, int] = {}  # of each shard's log
        self._book = Book(epoch, grants_from, weights)
        self._book.former.update(former_workers)
        self.refused = 0  # reports that cannot be true
        self.problems: list[str] = []  # mistakes of ours, which the shell takes out and says
        self._learnt: list[Learnt] = []
        self._resends: list[Resend] = []
        self._taken_at: float | None = None
        self._is_caught_up = False
        self._checked_at = -math.inf

    # What the log says

    def actions(self, batch: ActionBatch, now: float) -> None:
        """Take what follows from a range of a log; a range at or below the position means nothing."""
        for _ in self.actions_in_steps(batch, now):
            pass

    def actions_in_steps(self, batch: ActionBatch, now: float) -> Iterator[None]:
        """As `actions`, with a stop after every `STEP` instructions, in which anything but this shard may go on."""
        self._begin(now)
        shard, to_seq = batch.shard, batch.to_seq
        if to_seq <= self.positions.get(shard, 0):
            return
        book = self._book
        for count, instruction in enumerate(batch.instructions, 1):
            try:
                self._follow(instruction, shard, now)
            except Exception as error:  # a mistake of ours: it shall not stop the others
                self.problems.append(f"an instruction of shard {shard} cannot be followed: {error!r}")
                if instruction.HasField("start"):
                    book.set_aside(instruction.start, shard, error, now)
            if count % self.STEP == 0:
                yield
        self.positions[shard] = to_seq
        if book.settled:
            book.forget_settled(shard, to_seq)

    def _follow(self, instruction: Instruction, shard: int, now: float) -> None:
        match instruction.WhichOneof("kind"):
            case "start":
                self._start(instruction.start, shard, now)
            case "recorded":
                self._note_recorded(instruction.recorded, shard)
            case "running":
                self._note_running(instruction.running)
            case "stop":
                self._stop(instruction.stop, now)
            case "hold" if instruction.hold.released:
                self._book.release_run(instruction.hold.run_id, now)
            case "hold":
                self._book.hold_run(instruction.hold.run_id, shard)
            case _:
                pass  # of a later version

    def snapshot(self, shard: int, seq: int, starts: Iterable[Start], now: float) -> None:
        """Replace what is known of a shard; one older than the position means nothing."""
        for _ in self.snapshot_in_steps(shard, seq, starts, now):
            pass

    def snapshot_in_steps(self, shard: int, seq: int, starts: Iterable[Start], now: float) -> Iterator[None]:
        """As `snapshot`, with a stop after every `STEP` attempts, in which anything but this shard may go on."""
        self._begin(now)
        if seq < self.positions.get(shard, 0):
            return
        book = self._book
        book.forget_settled(shard, seq)
        unseen = dict(book.by_shard.get(shard, {}))
        released = dict.fromkeys(book.holds.of_shard(shard))
        for count, start in enumerate(starts, 1):
            if start.held:
                released.pop(start.run_id, None)
                if start.run_id not in book.holds:
                    book.hold_run(start.run_id, shard)
            if (start.pool or DEFAULT_POOL) == self.name:
                try:
                    action = reconciliation.take_over(book, start, shard, now)
                except Exception as error:
                    self.problems.append(f"an attempt of shard {shard} cannot be taken over: {error!r}")
                    action = book.set_aside(start, shard, error, now)
                unseen.pop(action, None)
            if count % self.STEP == 0:
                yield
        for run_id in released:
            book.release_run(run_id, now)
        for count, action in enumerate(unseen, 1):
            if action.state is not State.FORGOTTEN:
                book.forget(action)
            if count % self.STEP == 0:
                yield
        self.positions[shard] = seq

    def note_caught_up(self, now: float) -> None:
        """Every shard's state is known: what workers hold and no log names is wanted by nobody."""
        self._begin(now)
        self._is_caught_up = True
        for action in list(self._book.by_shard.get(UNCLAIMED, ())):
            self._book.forget(action)

    def settle(self, grants: Iterable[int], seqs: Mapping[int, int]) -> None:
        """Reports of these grants need not be sent again: the log has recorded them or knows better.

        Args:
            seqs: By shard, the position that says so. Until the pool has followed the log to there, it may be told
                of an attempt again that has ended.
        """
        book = self._book
        for grant in grants:
            if (action := book.unrecorded.pop(grant)) is None:
                continue
            if (seq := seqs.get(action.shard, 0)) > self.positions.get(action.shard, 0):
                book.settle(action, seq)
            else:
                book.forget(action)

    def go_back(self, shard: int, seq: int) -> None:
        """Let a snapshot of any position replace what is known of a shard."""
        if seq < self.positions.pop(shard, 0):
            self._book.forget_settled(shard)  # the log has lost what it had: it may have lost their ends

    def _start(self, start: Start, shard: int, now: float) -> None:
        if (start.pool or DEFAULT_POOL) != self.name:
            return
        book = self._book
        key = key_of(start)
        action = book.open.get(key)
        if start.held:
            book.holds.add(start.run_id, shard)
        if action is not None:
            if action.shard == UNCLAIMED:
                reconciliation.claim(book, action, start, shard, now)
            return
        action = book.admit(key, shard, start, now)
        # Another owner of the pool may have granted it, not knowing yet that it is the former one.
        action.may_be_recorded = now - self._since < self.lease_s
        delay_s = start.delay_s
        if delay_s > 0:
            book.delay(action, delay_s, now)
        else:
            book.make_ready(action, now)

    def _note_running(self, running: Running) -> None:
        action = self._book.open.get(key_of(running))
        if action is not None:
            self._book.unrecorded_starts.pop(action.grant)

    def _note_recorded(self, recorded: Recorded, shard: int) -> None:
        action = self._book.open.get(key_of(recorded))
        if action is None:
            return
        report = action.report
        if report is not None and report.grant == recorded.grant and report.HasField("succeeded"):
            self._learnt.append(Learnt(shard, recorded.seq, report))
        self._book.forget(action)

    def _stop(self, stop: Stop, now: float) -> None:
        action = self._book.open.get(key_of(stop))
        if action is not None:
            reconciliation.stop(self._book, action, now)

    # What workers say

    def rival(self, register: Register, now: float) -> Worker | None:
        """Return the worker that has this name and lives: it is connected, and was heard not long ago."""
        known = self._book.placement.workers.get(register.worker)
        if known is None or not known.is_connected or known.register.incarnation == register.incarnation:
            return None
        return known if now - known.heard_at < self.rival_gone_s else None

    def register(self, register: Register, now: float) -> None:
        """Take a worker in, with what it holds; another incarnation means that all the former one held is lost."""
        self._begin(now)
        known = self._book.placement.workers.get(register.worker)
        if known is not None and known.register.incarnation != register.incarnation:
            self.remove(register.worker, now)
        reconciliation.register(self._book, register, now, settled=self._is_caught_up)

    def heartbeat(self, worker: str, now: float) -> None:
        known = self._book.placement.workers.get(worker)
        if known is not None:
            known.heard_at = now

    def connected_workers(self) -> frozenset[str]:
        """Return the names of the workers that are connected."""
        workers = self._book.placement.workers.values()
        return frozenset(worker.name for worker in workers if worker.is_connected)

    def knows(self, worker: str) -> bool:
        """Whether it is registered and was not given up since."""
        return worker in self._book.placement.workers

    def disconnect(self, worker: str, now: float) -> None:
        """Its connection broke: nothing is granted to it, and it has until its lease ends to come back."""
        known = self._book.placement.workers.get(worker)
        if known is not None:
            known.is_connected = False
            known.forget_orders()
            self._book.placement.pause(known)

    def remove(self, worker: str, now: float, *, stopped: bool = False) -> None:
        """It is dead: all that it held is lost. Or it has stopped in order, and gives that up."""
        book = self._book
        known = book.placement.workers.get(worker)
        if known is None:
            return
        known.is_connected = False
        known.forget_orders()
        book.placement.leave(known)
        for action in list(known.held.values()):
            book.release(action)
            if action.state is State.GRANTED:
                if action.shard == UNCLAIMED:
                    book.forget(action)
                elif stopped:
                    book.fail(action, CAUSE_PREEMPTED, f"worker {worker} stopped", now)
                else:
                    book.lose(action, worker, now)

    def drain(self, worker: str) -> None:
        """Grant it nothing more, and ask back what waits there."""
        known = self._book.placement.workers.get(worker)
        if known is not None:
            known.is_draining = True
            self._book.placement.pause(known)
            self._ask_back(known)

    def reports(self, worker: str, reports: Sequence[Report], now: float) -> None:
        """Take what a worker tells about actions; the shell has checked that it tells of itself."""
        known = self._book.placement.workers.get(worker)
        if known is None:
            return
        known.heard_at = now
        held, book = known.held, self._book
        for report in reports:
            action = held.get(report.grant)
            kind = report.WhichOneof("kind")
            try:
                if action is None:
                    reconciliation.take_foreign(book, known, report, now, settled=self._is_caught_up)
                elif kind is None or not _speaks_of(report, action):
                    self.refused += 1
                elif kind == "started":
                    if action.state is State.GRANTED and not action.is_started:
                        book.publish_start(action, report, now)
                else:
                    self._end(known, action, report, kind, now)
            except Exception as error:
                self.problems.append(f"a report of worker {worker} cannot be taken: {error!r}")

    def _end(self, worker: Worker, action: Action, report: Report, kind: str, now: float) -> None:
        book = self._book
        if kind == "succeeded":
            action.duration.learn(report.succeeded.duration_us * 1e-6)
        worker.ended_at = now
        book.worker_s = now - action.granted_at
        book.release(action)
        if action.state is not State.GRANTED:  # its end was decided without it
            if report.grant not in book.unrecorded:
                book.tell_recorded(worker.name, report.grant)
        elif _was_given_back(action, report):
            book.tell_recorded(worker.name, report.grant)
            book.requeue(action, now)
        elif kind == "failed" and report.failed.returned and action.shard != UNCLAIMED:
            book.give_back(action, report, now)
        elif action.shard == UNCLAIMED:
            action.state, action.report = State.ENDED, report
        else:
            book.end(action, report, now)

    # What time brings

    def tick(self, now: float) -> None:
        """Do what is due; to be called every 50 ms or so."""
        self._begin(now)
        book = self._book
        book.end_delays(now)
        self._lose_silent(now)
        for worker in book.placement.workers.values():
            if worker.ahead and now - worker.ended_at > STALLED_S:
                self._pull_back(worker, now)
        book.placement.reserve_for_waiting(now)
        self._resend(now)
        if now - self._checked_at >= CHECK_EVERY_S:
            self._checked_at = now
            self._check_timeouts(now)
            book.teams.tidy(now)
            book.placement.tidy(book.open.values())

    def _resend(self, now: float) -> None:
        of_shard: dict[int, list[Report]] = {}
        for shard, report in self._book.unrecorded_starts.take_due(now):
            of_shard.setdefault(shard, []).append(report)
        for action in self._book.unrecorded.take_due(now):
            if action.report is not None:
                of_shard.setdefault(action.shard, []).append(action.report)
        self._resends += [Resend(shard, reports) for shard, reports in of_shard.items()]

    def _lose_silent(self, now: float) -> None:
        book = self._book
        for worker in list(book.placement.workers.values()):
            if now - worker.heard_at > self.lease_s:
                self.remove(worker.name, now)
        if now - self._since > self.lease_s:
            if book.held_back or book.former:
                book.release_held_back(now)
            for name, actions in list(book.awaited.items()):
                for action in list(actions):
                    reconciliation.lose_awaited(book, action, name, now)
        if not self._is_caught_up and now - self._since > UNCLAIMED_MAX_S:
            self.note_caught_up(now)

    def _pull_back(self, worker: Worker, now: float) -> None:
        """Ask back what waits behind actions that take longer than was expected of them."""
        for action in worker.held.values():
            if action.is_running:
                action.duration.at_least(now - action.granted_at)
        if any(action.granted_at < now - STALLED_S for action in worker.ahead):
            self._ask_back(worker)

    def _ask_back(self, worker: Worker) -> None:
        for action in worker.ahead:
            wanted = action.state is State.GRANTED and action.shard != UNCLAIMED
            if wanted and not (action.is_pulled or action.is_stopping or action.is_started):
                action.is_pulled = True
                self._book.tell_stop(worker, action.grant)

    def _check_timeouts(self, now: float) -> None:
        for worker in self._book.placement.workers.values():
            for action in worker.held.values():
                timeout_s = action.timeout_s
                if timeout_s and now - action.granted_at > timeout_s + TIMEOUT_SLACK_S:
                    self._book.tell_stop(worker, action.grant)
                    if action.state is State.GRANTED and action.shard != UNCLAIMED:
                        text = f"worker {worker.name} did not finish it within {timeout_s:g} s after its start"
                        self._book.fail(action, CAUSE_TIMEOUT, text, now)

    # What comes out

    def decide(self, now: float) -> list[Effect]:
        """Grant what can be granted, and return all that is to be done, in order."""
        self._begin(now)
        book = self._book
        scheduler.grant_all(book, now)
        effects: list[Effect] = [*self._learnt]
        effects += [Publish(shard, reports) for shard, reports in book.published.items()]
        effects += self._resends
        for worker in book.told:
            if (orders := worker.take_orders()) is not None:
                effects.append(orders)
        self._learnt, self._resends, book.published, book.told = [], [], {}, {}
        return effects

    def why(self, run_id: bytes, now: float) -> list[api.WhyLine]:
        """Return one line for each open attempt of a run: what it waits for."""
        return status.why(self._book, self.name, run_id, now)

    def lacks(self, needs: Iterable[Resources]) -> list[str]:
        """Return for each need what no worker has, empty where one has all of it; nothing while there is no worker."""
        return status.lacks(self._book, self.name, needs)

    def workers(self, now: float) -> list[api.Worker]:
        return status.workers(self._book, self.name, now)

    def summary(self) -> api.Pool:
        return status.summary(self._book, self.name, self.epoch)

    def longest_queued_s(self, now: float) -> float:
        """Return for how long the action has been queued that waits longest."""
        return self._book.teams.longest_queued_s(now)

    def queued_by_team(self) -> dict[str, int]:
        return self._book.teams.queued_by_team()

    def counts(self) -> tuple[int, int]:
        """Return how many grants were given and how many actions were lost so far."""
        return self._book.given, self._book.lost

    def stages(self) -> tuple[float | None, float | None]:
        """Return how long an action was queued, and one was at its worker: samples since the last call."""
        book = self._book
        sample = book.queue_s, book.worker_s
        book.queue_s = book.worker_s = None
        return sample

    @property
    def rival_gone_s(self) -> float:
        """A worker silent for so long has lost its name to another one: two of three heartbeats did not come."""
        return self.lease_s * RIVAL_GONE_LEASES

    @property
    def _since(self) -> float:
        assert self._taken_at is not None
        return self._taken_at

    def _begin(self, now: float) -> None:
        self._book.now = now
        if self._taken_at is None:
            self._taken_at = now


def _speaks_of(report: Report, action: Action) -> bool:
    """Whether a report under the action's grant is about the action."""
    key = action.key
    return report.run_id == key[0] and report.node == key[1] and report.attempt == key[2]


def _was_given_back(action: Action, report: Report) -> bool:
    """Whether a worker gives an attempt back as asked. One that had begun is recorded as such, and counted."""
    return action.is_pulled and not action.is_started and report.failed.cause == CAUSE_CANCELLED
