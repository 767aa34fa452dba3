"""A simulated State Tracker: the real core, and a committer that decides first and tells only what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_state_tracker.core.shard import Shard
from penstock_stream.follower import Head, Snapshot
from penstock_stream.stream import EVENTS, REPORTS

from .calls import Refused
from .database import LEASE_S, Checkpoint, Part
from .process import Process

if TYPE_CHECKING:
    from .world import World

LOAD_S = 0.01
LEASES_EVERY_S = 1.0
READ_EVENTS = 3
CALLER = ev.Caller(user="ann", team="red", client="simulation")

Answer = Callable[[Any], None]


class Waiting(NamedTuple):
    """Somebody who saw the state of a shard, and hears of it once that is recorded."""

    core: Shard
    answer: Answer
    result: Any


class Tracker(Process):
    """Owns the shards whose head names it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world)
        self.name = name
        self.cores: dict[int, Shard] = {}
        self.committed: dict[int, int] = {}

    def started(self) -> None:
        self.cores, self.committed, self.loading = {}, {}, set[int]()
        self.valid_until: dict[int, float] = {}
        self.gathered: dict[int, list[ev.Event]] = {}
        self.waiting: list[Waiting] = []
        self.committing = False
        self.stream = self.world.stream.of(self)
        self.subscription = self.stream.subscribe(REPORTS, self._reports)
        self._keep_leases()

    def stopped(self) -> None:
        self.subscription.close()
        self.cores = {}

    # Ownership

    def _take(self, shard: int) -> None:
        """Become the owner of a shard, whoever was it."""
        self.loading.add(shard)
        self.valid_until[shard] = self.world.now + LEASE_S
        epoch = self.world.database.take(shard, self.name)
        self.world.note(self.name, f"takes shard {shard}, epoch {epoch}")
        self.later(self.world.dice.expovariate(1 / LOAD_S), self._load, shard, epoch)

    def _keep_leases(self) -> None:
        database = self.world.database
        for shard, head in enumerate(database.heads):
            known = shard in self.cores or shard in self.loading
            if known and database.renew(shard, self.name):
                self.valid_until[shard] = self.world.now + LEASE_S
                continue
            self._forget(shard)
            if head.owner == self.name or head.expires_at < self.world.now:
                self._take(shard)
        self.later(LEASES_EVERY_S, self._keep_leases)

    def _load(self, shard: int, epoch: int) -> None:
        database = self.world.database
        if database.heads[shard].epoch != epoch:
            return
        self.loading.discard(shard)
        checkpoint, log = database.checkpoints[shard], database.logs[shard]
        core = Shard(shard, self.world.plans)
        core.restore(checkpoint.runs, checkpoint.seq, epoch, self.world.now)
        for record in log[checkpoint.seq :]:
            core.apply(record.event, self.world.now)
        core.epoch = epoch
        self.cores[shard] = core
        self.committed[shard] = core.seq

    def owns(self, shard: int) -> bool:
        """Whether it may speak for the shard: a lease that is over may be somebody else's, who knows more."""
        return self.world.now <= self.valid_until[shard]

    def _forget(self, shard: int) -> None:
        self.loading.discard(shard)
        core = self.cores.pop(shard, None)
        self.committed.pop(shard, None)
        self.gathered.pop(shard, None)
        lost = [waiting for waiting in self.waiting if waiting.core is core]
        self.waiting = [waiting for waiting in self.waiting if waiting.core is not core]
        for waiting in lost:
            waiting.answer(Refused("the shard was lost"))

    # Commands

    def command(self, shard: int, decide: Callable[[Shard], Any], answer: Answer) -> None:
        """Decide on the state as it is in memory; the answer goes out when all that it saw is recorded."""
        core = self.cores.get(shard)
        if core is None or not self.owns(shard):
            self._forget(shard)
            answer(Refused(f"{self.name} does not own shard {shard}"))
            return
        before = core.seq
        result = decide(core)
        if core.seq > before:
            self.gathered.setdefault(shard, []).extend(result)
            self.world.decided_at.update((id(event), self.world.now) for event in result)
        self.waiting.append(Waiting(core, answer, result))
        self._commit()

    def submit(self, shard: int, run_id: bytes, event: ev.RunSubmitted, answer: Answer) -> None:
        def decide(core: Shard) -> list[ev.Event]:
            if run_id in core.runs or run_id in self.world.database.runs:
                return []
            return core.submit(event, run_id, self.world.now)

        self.command(shard, decide, answer)

    def cancel(self, shard: int, run_id: bytes, answer: Answer) -> None:
        self.command(shard, lambda core: core.cancel(run_id, CALLER, "", self.world.now), answer)

    def report(self, shard: int, reports: Sequence[reports_pb2.Report], answer: Answer) -> None:
        """Answer the grants that nobody needs to report again."""
        settled = [report.grant for report in reports if not report.HasField("started")]
        self.command(shard, lambda core: self._decide(core, reports), lambda result: answer(_or(result, settled)))

    def _reports(self, batches: Sequence[reports_pb2.ReportBatch]) -> None:
        for batch in batches:
            if batch.shard in self.cores:
                self.command(batch.shard, lambda core, batch=batch: self._decide(core, batch.reports), _nobody)

    def _decide(self, core: Shard, reports: Sequence[reports_pb2.Report]) -> list[ev.Event]:
        return [event for report in reports for event in core.report(report, self.world.now)]

    # Committing

    def _commit(self) -> None:
        if self.committing or not (self.gathered or self.waiting):
            return
        gathered, waiting = self.gathered, self.waiting
        self.gathered, self.waiting = {}, []
        parts = [
            Part(shard, self.cores[shard].epoch, self.committed[shard], events) for shard, events in gathered.items()
        ]
        self.committing = True
        self.step()
        self._try(parts, waiting, uncertain=False)

    def _try(self, parts: list[Part], waiting: list[Waiting], *, uncertain: bool) -> None:
        if not parts:
            self._answered([], waiting)
            return
        self.world.database.commit(parts, lambda held: self.later(0, self._tried, parts, waiting, held, uncertain))

    def _tried(self, parts: list[Part], waiting: list[Waiting], held: set[int] | None, uncertain: bool) -> None:
        """Sort out what is recorded, what is tried again, and what is lost."""
        self.step()
        heads = self.world.database.heads
        recorded = [part for part in parts if held is not None and part.shard in held]
        again: list[Part] = []
        for part in parts:
            head, end = heads[part.shard], part.after_seq + len(part.events)
            if held is not None and (part.shard in held or not uncertain):
                continue
            if head.epoch == part.epoch and head.seq == end:
                recorded.append(part)
            elif head.epoch == part.epoch and head.seq == part.after_seq:
                again.append(part)
        kept = {part.shard for part in (*recorded, *again)}
        for part in parts:
            if part.shard not in kept:
                waiting = self._lose(part.shard, waiting)
        for part in recorded:
            if part.shard in self.cores:
                self.committed[part.shard] = part.after_seq + len(part.events)
                self._publish(part)
        if again:
            self.later(0.05, self._try_again, again, waiting)
        else:
            self._answered(recorded, waiting)

    def _try_again(self, parts: list[Part], waiting: list[Waiting]) -> None:
        self._try(parts, waiting, uncertain=True)

    def _lose(self, shard: int, waiting: list[Waiting]) -> list[Waiting]:
        self.world.note(self.name, f"lost shard {shard}")
        core = self.cores.get(shard)
        self._forget(shard)
        for one in waiting:
            if one.core is core:
                one.answer(Refused("the shard was lost"))
        return [one for one in waiting if one.core is not core]

    def _answered(self, recorded: list[Part], waiting: list[Waiting]) -> None:
        self.committing = False
        for one in waiting:
            self.step()
            one.answer(one.result)
        for part in recorded:
            self._checkpoint(part.shard)
        self._commit()

    def _publish(self, part: Part) -> None:
        self.step()
        self.stream.publish(
            EVENTS,
            [ev.EventBatch(shard=part.shard, epoch=part.epoch, from_seq=part.after_seq + 1, events=part.events)],
        )

    def _checkpoint(self, shard: int) -> None:
        core = self.cores.get(shard)
        if core is None or core.seq != self.committed[shard] or self.world.dice.random() > 0.1:
            return
        database = self.world.database
        if database.heads[shard].epoch == core.epoch:
            database.checkpoints[shard] = Checkpoint(core.seq, list(core.snapshot(self.world.now)))

    # For followers

    def heads(self, answer: Answer) -> None:
        answer([Head(shard, core.epoch, self.committed[shard]) for shard, core in self.cores.items()])

    def read(self, shard: int, after_seq: int, answer: Answer) -> None:
        if shard not in self.cores:
            answer(Refused("not the owner"))
            return
        records = self.world.database.logs[shard][after_seq : self.committed[shard]]
        batches: list[ev.EventBatch] = []
        for at in range(0, len(records), READ_EVENTS):
            piece = records[at : at + READ_EVENTS]
            events = [record.event for record in piece]
            batches.append(ev.EventBatch(shard=shard, epoch=piece[-1].epoch, from_seq=piece[0].seq, events=events))
        answer(batches)

    def read_values(self, positions: Sequence[tuple[int, int]], answer: Answer) -> None:
        found: dict[tuple[int, int], Any] = {}
        for shard, seq in positions:
            if seq <= len(self.world.database.logs[shard]):
                event = self.world.database.logs[shard][seq - 1].event
                submitted = event.HasField("run_submitted")
                found[shard, seq] = event.run_submitted.inputs if submitted else event.action_succeeded.outputs
        answer(found)

    def snapshot(self, shard: int, answer: Answer) -> None:
        """Describe the state now; it goes out when it is recorded."""
        self.command(
            shard,
            lambda core: Snapshot(shard, core.epoch, core.seq, list(core.snapshot(self.world.now))),
            answer,
        )


def _or(result: Any, otherwise: Any) -> Any:
    return result if isinstance(result, Refused) else otherwise


def _nobody(_: Any) -> None:
    pass
