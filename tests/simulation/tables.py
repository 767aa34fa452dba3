"""The tables of the simulated Postgres, and what each statement of the product does to them, in one step.

A statement is found by its text, so that one that is changed in the product fails here until it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import asyncpg
from penstock_action_service.shell import leases as pools
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import name_of
from penstock_state_tracker import deployment, plans
from penstock_state_tracker.api import forks, runs
from penstock_state_tracker.log import checkpoints, event_log
from penstock_state_tracker.ownership import leases, rebuild

from .invariants import Recorded

if TYPE_CHECKING:
    from .world import World

EPOCH_US = 1_700_000_000_000_000
Rows = Sequence[Any]


class Row(tuple[Any, ...]):
    """A row, by position or by name."""

    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


@cache
def shape(*columns: str) -> Callable[..., Row]:
    """Return what makes rows of these columns."""
    made: Any = type("Row", (Row,), {"names": columns})
    return lambda *values: made(values)


HEAD = shape("shard", "epoch", "seq", "recorded_at_us")
EVENT = shape("seq", "recorded_at_us", "payload", "rows")
TAIL = shape("shard", "seq", "recorded_at_us", "age_s", "run_id", "payload")
AT = shape("shard", "seq", "payload")
RUN_COLUMNS = (
    *("run_id", "shard", "digest", "plan", "plan_name", "nodes", "team", "caller", "options"),
    *("state", "first_seq", "last_seq", "submitted_at_us", "ended_at_us", "removed_at_us"),
)
RUN = shape(*RUN_COLUMNS)


@dataclass(slots=True)
class Head:
    epoch: int = 0
    seq: int = 0
    recorded_at_us: int = 0


@dataclass(slots=True)
class Lease:
    owner: str
    incarnation: Any
    address: str
    expires_at: float
    epoch: int = 0
    workers: list[str] = field(default_factory=list[str])


class Tables:
    def __init__(self, world: World, shards: int) -> None:
        self.world = world
        self.heads = [Head() for _ in range(shards)]
        self.logs: list[list[Recorded]] = [[] for _ in range(shards)]
        self.payloads: list[list[tuple[int, bytes]]] = [[] for _ in range(shards)]  # when, and what
        self.runs: dict[bytes, dict[str, Any]] = {}
        self.commits: list[set[int]] = [set() for _ in range(shards)]  # the last position of each
        self.ended: dict[bytes, int] = {}  # states of the runs that have ended, as their logs say
        self.plans: dict[bytes, bytes] = {}
        self.leases: dict[int, Lease] = {}
        self.members: dict[str, float] = {}
        self.checkpoints: dict[tuple[int, int, int], tuple[float, list[bytes]]] = {}  # when, and what
        self.pools: dict[str, Lease] = {}
        self._statements: dict[str, Callable[..., Rows]] = {
            deployment.CREATE: lambda *_: [],
            deployment.GET: lambda: [shape("id", "shards", "databases", "position")(bytes(16), shards, 1, 0)],
            deployment.SHARDS: lambda: [shape("shard")(shard) for shard in range(shards)],
            event_log.APPEND: self.append,
            event_log.HEADS: self._heads,
            event_log.READ: self._read,
            event_log.READ_AT: self._read_at,
            event_log.READ_RUN: self._read_run,
            event_log.READ_FAILURES: self._read_failures,
            forks.WHAT_IS_THERE: self._what_is_there,
            forks.HOLD: lambda run_ids: [shape("run_id")(run_id) for run_id in run_ids if run_id in self.runs],
            forks.REFER: lambda *_: [],
            event_log.MISSING_PARTITIONS: lambda *_: [],
            rebuild.TAIL: self._tail,
            runs.BY_ID: self._runs_by_id,
            plans.PUT: self._put_plan,
            plans.GET: self._get_plan,
            plans.HAS: lambda plan: [(int(plan in self.plans),)],
            checkpoints.WRITE: self._write_checkpoint,
            checkpoints.READ: self._read_checkpoints,
            checkpoints.DELETE: self._delete_checkpoints,
            leases.TAKE: self._take,
            leases.RENEW: self.renew,
            leases.RELEASE: self._release,
            leases.RELEASE_ALL: self._release_all,
            leases.OTHERS: self._others,
            leases.MEET: self._meet,
            leases.LEAVE: self._leave,
            pools.TAKE: self._take_pools,
            pools.RENEW: self._renew_pools,
            pools.RELEASE: self._release_pools,
            pools.OWNERS: self._pool_owners,
            pools.NOTE_WORKERS: self._note_workers,
            pools.WORKERS: lambda names: [shape("pool", "workers")(pool, self.pools[pool].workers) for pool in names],
        }

    def land(self, query: str, args: tuple[Any, ...]) -> Rows:
        """Do a statement."""
        statement = self._statements.get(query)
        if statement is not None:
            return statement(*args)
        if "pg_advisory" in query or "CREATE TABLE" in query:
            return []
        error = NotImplementedError(f"tables.py does not know this statement: {query}")
        self.world.fail(str(error), error)
        raise error

    @property
    def now_us(self) -> int:
        return EPOCH_US + int((self.world.now + self.world.clock_ahead_s) * 1e6)

    # The logs

    def append(
        self, shards: list[int], epochs: list[int], after: list[int], counts: list[int], *columns: list[Any]
    ) -> Rows:
        held: dict[int, int] = {}
        for shard, epoch, seq in zip(shards, epochs, after, strict=True):
            head = self.heads[shard]
            if (head.epoch, head.seq) == (epoch, seq):
                held[shard] = max(head.recorded_at_us, self.now_us)
        rows = list(zip(*columns[:5], strict=True))
        opened = [row for row in zip(*columns[5:17], strict=True) if row[1] in held]
        if taken := [row[0] for row in opened if row[0] in self.runs]:
            raise asyncpg.UniqueViolationError(f"run_id {taken[0].hex()} exists")
        for shard, count in zip(shards, counts, strict=True):
            if shard in held:
                self.heads[shard].recorded_at_us = held[shard]
                self._write(shard, [row for row in rows if row[0] == shard], count)
        for run_id, shard, digest, plan, plan_name, nodes, team, caller, options, first_seq, state, last_seq in opened:
            ended_at_us = held[shard] if state >= 3 else None
            values = (run_id, shard, digest, plan, plan_name, nodes, team, caller, options)
            row = (*values, state, first_seq, last_seq, held[shard], ended_at_us, None)
            self.runs[run_id] = dict(zip(RUN_COLUMNS, row, strict=True))
        for run_id, shard, state, last_seq in zip(*columns[17:21], strict=True):
            if shard in held:
                ended_at_us = held[shard] if state >= 3 else None
                self.runs[run_id].update(state=state, last_seq=last_seq, ended_at_us=ended_at_us)
        return [shape("shard", "recorded_at_us")(*one) for one in held.items()]

    def _write(self, shard: int, rows: Sequence[Any], count: int) -> None:
        head = self.heads[shard]
        for _, seq, _, _, payload in rows:
            event = ev.Event.FromString(payload)
            head.seq += 1
            decided_at_s = self.world.decided_at.get((shard, head.epoch, seq), self.world.now)
            self.logs[shard].append(Recorded(shard, seq, head.epoch, event, decided_at_s))
            self.payloads[shard].append((head.recorded_at_us, payload))
            self.world.client.hear(event)
            if event.HasField("run_ended"):
                self.ended[event.run_id] = event.run_ended.state
            elif event.HasField("run_reopened"):
                del self.ended[event.run_id]
            self.world.note("log", f"{shard}/{seq} {spelt(event)}")
        assert len(rows) == count
        self.commits[shard].add(head.seq)

    def _heads(self, shards: Iterable[int]) -> Rows:
        return [self._head(shard) for shard in shards]

    def _head(self, shard: int) -> Row:
        head = self.heads[shard]
        return HEAD(shard, head.epoch, head.seq, head.recorded_at_us)

    def _read(self, shard: int, from_seq: int, to_seq: int, rows_max: int, bytes_max: int) -> Rows:
        numbered = list(enumerate(self.payloads[shard], 1))[from_seq - 1 : to_seq][:rows_max]
        return [EVENT(seq, *row, len(numbered)) for seq, row in numbered]

    def _read_run(
        self, shard: int, from_seq: int, to_seq: int, rows_max: int, bytes_max: int, run_id: bytes, *_: Any
    ) -> Rows:
        log = self.logs[shard][from_seq - 1 : to_seq]
        found = [one.seq for one in log if one.event.run_id == run_id][:rows_max]
        return [EVENT(seq, *self.payloads[shard][seq - 1], len(found)) for seq in found]

    def _read_failures(
        self, shard: int, from_seq: int, to_seq: int, run_id: bytes, kind: int, rows_max: int, *_: Any
    ) -> Rows:
        log = self.logs[shard][from_seq - 1 : to_seq]
        found = [one for one in log if one.event.run_id == run_id and one.event.HasField("action_failed")]
        return [shape("seq", "payload")(one.seq, self.payloads[shard][one.seq - 1][1]) for one in found[::-1]][
            :rows_max
        ]

    def _what_is_there(self, shard: int, seqs: Sequence[int]) -> Rows:
        found = [self.logs[shard][seq - 1] for seq in seqs if seq <= len(self.logs[shard])]
        kinds = [event_log.KINDS[one.event.WhichOneof("kind") or ""] for one in found]
        return [
            shape("seq", "run_id", "kind")(one.seq, one.event.run_id, kind)
            for one, kind in zip(found, kinds, strict=True)
        ]

    def _read_at(self, shards: Sequence[int], seqs: Sequence[int]) -> Rows:
        found = [(shard, seq) for shard, seq in zip(shards, seqs, strict=True) if seq <= len(self.payloads[shard])]
        return [AT(shard, seq, self.payloads[shard][seq - 1][1]) for shard, seq in found]

    def _tail(self, shards: Sequence[int], after: Sequence[int], to: Sequence[int]) -> Rows:
        return [
            TAIL(*self._event(shard, seq))
            for shard, after_seq, to_seq in sorted(zip(shards, after, to, strict=True))
            for seq in range(after_seq + 1, min(to_seq, len(self.payloads[shard])) + 1)
        ]

    def _event(self, shard: int, seq: int) -> tuple[Any, ...]:
        recorded_at_us, payload = self.payloads[shard][seq - 1]
        age_s = (self.now_us - recorded_at_us) / 1e6
        return shard, seq, recorded_at_us, age_s, self.logs[shard][seq - 1].event.run_id, payload

    def _runs_by_id(self, run_ids: Iterable[bytes]) -> Rows:
        return [RUN(*self.runs[run_id].values()) for run_id in dict.fromkeys(run_ids) if run_id in self.runs]

    def _write_checkpoint(self, shard: int, seq: int, epoch: int, data: list[bytes]) -> Rows:
        for key in [key for key in self.checkpoints if key[0] == shard and key[1:] < (seq, epoch)]:
            del self.checkpoints[key]
        self.checkpoints.setdefault((shard, seq, epoch), (self.world.now, data))
        return []

    def _read_checkpoints(self, shards: Sequence[int]) -> Rows:
        row = shape("shard", "seq", "epoch", "age_s", "data")
        kept = [(key, *kept) for key, kept in sorted(self.checkpoints.items()) if key[0] in shards]
        return [row(*key, self.world.now - at, data) for key, at, chunks in kept for data in chunks]

    def _delete_checkpoints(self, shard: int) -> Rows:
        self.world.fail(f"a checkpoint of shard {shard} cannot be used", AssertionError())
        return []

    # Plans

    def _put_plan(self, name: bytes, size: int, nodes: int, plan_name: str, caller: bytes, data: bytes) -> Rows:
        self.plans.setdefault(name, data)
        return []

    def _get_plan(self, name: bytes) -> Rows:
        return [(self.plans[name],)] if name in self.plans else []

    # Who owns which shard

    def _take(self, shards: Sequence[int], owner: str, incarnation: bytes, address: str, lease_s: float) -> Rows:
        taken: list[Row] = []
        for shard in sorted(shards):
            lease = self.leases.get(shard)
            if lease is None or lease.incarnation == incarnation or lease.expires_at < self.world.now:
                self.leases[shard] = Lease(owner, incarnation, address, self.world.now + lease_s)
                self.heads[shard].epoch += 1
                self.world.note(owner, f"takes shard {shard}, epoch {self.heads[shard].epoch}")
                taken.append(self._head(shard))
        return taken

    def renew(
        self, shards: Sequence[int], epochs: Sequence[int], incarnation: bytes, lease_s: float, address: str
    ) -> Rows:
        held = zip(shards, epochs, strict=True)
        kept = [shard for shard, epoch in held if self._is_held(shard, incarnation, epoch)]
        for shard in kept:
            self.leases[shard].expires_at, self.leases[shard].address = self.world.now + lease_s, address
        return [shape("shard", "now_us")(shard, self.now_us) for shard in kept]

    def _is_held(self, shard: int, incarnation: bytes, epoch: int) -> bool:
        lease = self.leases.get(shard)
        return lease is not None and lease.incarnation == incarnation and self.heads[shard].epoch == epoch

    def _release(self, incarnation: bytes, shards: Sequence[int], epochs: Sequence[int]) -> Rows:
        for shard, epoch in zip(shards, epochs, strict=True):
            if self._is_held(shard, incarnation, epoch):
                del self.leases[shard]
        return []

    def _release_all(self, incarnation: bytes) -> Rows:
        epochs = [head.epoch for head in self.heads]
        return self._release(incarnation, range(len(epochs)), epochs)

    def _others(self, incarnation: bytes) -> Rows:
        row = shape("shard", "owner", "incarnation", "address")
        alive = [(shard, one) for shard, one in self.leases.items() if one.expires_at > self.world.now]
        return [
            row(shard, one.owner, one.incarnation, one.address)
            for shard, one in alive
            if one.incarnation != incarnation
        ]

    def _meet(self, owner: str, address: str, lease_s: float) -> Rows:
        self.members[owner] = self.world.now + lease_s
        return [(sum(1 for name, until in self.members.items() if name != owner and until > self.world.now),)]

    def _leave(self, owner: str) -> Rows:
        self.members.pop(owner, None)
        return []

    # Who owns which pool

    def _take_pools(self, names: Sequence[str], owner: str, incarnation: Any, address: str, lease_s: float) -> Rows:
        taken: list[Row] = []
        for pool in names:
            lease = self.pools.get(pool, Lease("", None, "", 0.0))
            if lease.incarnation == incarnation or lease.expires_at < self.world.now:
                until, epoch = self.world.now + lease_s, lease.epoch + 1
                self.pools[pool] = Lease(owner, incarnation, address, until, epoch, lease.workers)
                self.world.note(owner, f"takes pool {pool}, epoch {epoch}")
                taken.append(shape("pool", "epoch")(pool, epoch))
        return taken

    def _renew_pools(
        self, names: Sequence[str], epochs: Sequence[int], incarnation: Any, lease_s: float, address: str
    ) -> Rows:
        kept = self._held_pools(names, epochs, incarnation)
        for pool in kept:
            self.pools[pool].expires_at, self.pools[pool].address = self.world.now + lease_s, address
        return [shape("pool")(pool) for pool in kept]

    def _release_pools(self, names: Sequence[str], epochs: Sequence[int], incarnation: Any) -> Rows:
        for pool in self._held_pools(names, epochs, incarnation):
            self.pools[pool].expires_at = self.world.now
        return []

    def _note_workers(self, pool: str, epoch: int, workers: list[str]) -> Rows:
        if self.pools[pool].epoch == epoch:
            self.pools[pool].workers = workers
        return []

    def _held_pools(self, names: Sequence[str], epochs: Sequence[int], incarnation: Any) -> list[str]:
        return [
            pool
            for pool, epoch in zip(names, epochs, strict=True)
            if (self.pools[pool].incarnation, self.pools[pool].epoch) == (incarnation, epoch)
        ]

    def _pool_owners(self, names: Sequence[str]) -> Rows:
        found = [(pool, self.pools[pool]) for pool in names if pool in self.pools]
        return [shape("pool", "address")(pool, one.address) for pool, one in found if one.expires_at > self.world.now]


def spelt(event: ev.Event) -> str:
    """Spell an event in a few words."""
    kind = event.WhichOneof("kind") or "?"
    what = getattr(event, kind)
    run = event.run_id[-1]
    match kind:
        case "action_started" | "action_succeeded":
            return f"{kind} run {run} node {what.node}.{what.attempt} grant {what.grant:x} on {what.worker}"
        case "action_failed":
            retry = f"retry in {what.retry_delay_s:.2f} s" if what.HasField("retry_delay_s") else "final"
            cause = name_of(ev.Cause, what.cause)
            return f"{kind} run {run} node {what.node}.{what.attempt} grant {what.grant:x} {cause}, {retry}"
        case "nodes_skipped":
            return f"{kind} run {run} nodes {list(what.nodes)}"
        case "run_ended":
            return f"{kind} run {run} {name_of(ev.RunState, what.state)}"
        case _:
            return f"{kind} run {run}"
