"""The records of a pool, which refer to each other: attempts, shapes, runs, queues, teams and workers."""

from __future__ import annotations

import math
from collections import OrderedDict
from heapq import heapify, heappop, heappush, heapreplace

from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from .durations import Duration
from .effects import ToWorker
from .keys import Key, State

Need = tuple[int, int, int, tuple[tuple[str, str], ...]]  # thousandths of a core, GPUs, bytes of memory, labels

RECENT_S = 5.0  # over which past use is remembered
IDLE_RUNS_MAX = 1000  # of a team, that are remembered without an open attempt: the next one may come at once
TURN_S = 0.1  # runs that were served for as long as each other, by this unit, go by their age
STALE_MAX = 64  # entries of a heap that may be out of date, beside as many as there are good ones

# A run's key, lowest first: attempts that workers hold, then how long it was served, then its age.
HELD_ONE = 1 << 80
SERVED_ONE = 1 << 48
SERVED_MAX = (1 << 32) - 1
PRIORITY_ONE = 1 << 128  # of a queue, before the key of its run
Entry = tuple[int, int, "Line"]

AHEAD_S = 0.020  # a worker may hold what it is expected to finish within this time
HELD_MAX = 1024  # actions that a worker may hold
BUNDLES_MAX = 16  # warm bundles that are remembered of a worker
SLACK = 1e-9  # for sums of fractions


class Action:
    """The mutable record of one attempt."""

    __slots__ = (
        "arrival",
        "avoided",
        "backoff_s",
        "duration",
        "grant",
        "granted_at",
        "is_pulled",
        "is_running",
        "is_started",
        "is_stopping",
        "key",
        "line",
        "load_s",
        "long",
        "may_be_recorded",
        "note",
        "queued_at",
        "report",
        "reporter",
        "returned_after_s",
        "returned_at",
        "run",
        "shape",
        "shard",
        "share",
        "start",
        "state",
        "team",
        "timeout_s",
        "worker",
    )

    def __init__(
        self, key: Key, shard: int, start: Start, shape: Shape, duration: Duration, team: Team, arrival: int
    ) -> None:
        self.key, self.shard, self.start, self.shape, self.duration = key, shard, start, shape, duration
        self.team, self.run, self.arrival = team, team.open_run(key[0], arrival), arrival
        self.run: Run
        self.timeout_s: float = start.timeout_s
        self.state = State.DELAYED
        self.line: Line | None = None  # in which it is queued
        self.queued_at: float = 0.0
        self.grant = 0
        self.granted_at: float = 0.0
        self.worker: Worker | None = None  # whose resources it holds, also after its end was decided elsewhere
        self.is_running = False  # false: waits at its worker, ahead of capacity
        self.load_s: float = 0.0  # what it adds to the sums of its worker and its team
        self.long: float = 0.0
        self.share: float = 0.0
        self.is_started = False  # its worker said so
        self.may_be_recorded = False  # the log may say that it runs, under this grant or a former one
        self.is_stopping = False
        self.is_pulled = False  # asked back from a worker that does not get to it
        self.report: Report | None = None  # how it ended
        self.reporter = ""  # the worker that waits for its end to be recorded
        self.backoff_s: float = 0.0
        self.returned_at: float | None = None  # first given back by a worker that could not execute it
        self.returned_after_s: float = 0.0  # before it is granted again
        self.avoided = ""  # the worker that gave it back last
        self.note = ""  # for people: what happened to it last


class Shape:
    """Needed resources, and the workers that may have room for them now."""

    __slots__ = (
        "blocked_since",
        "candidates",
        "cpu_milli",
        "gpu",
        "hosts",
        "is_outgrown",
        "is_rounded",
        "labels",
        "memory_bytes",
        "queued",
        "queues",
        "reserved",
        "share",
        "waiting",
    )

    def __init__(self, need: Need, waiting: dict[Shape, None]) -> None:
        self.cpu_milli, self.gpu, self.memory_bytes, self.labels = need
        self.candidates: OrderedDict[Worker, None] = OrderedDict()
        self.hosts: int = 0  # workers that could run it, if nothing else ran there
        self.queued: int = 0
        self.queues: dict[Queue, None] = {}
        self.waiting = waiting  # all shapes with queued attempts
        self.is_rounded = False  # it stands for smaller needs, too
        self.is_outgrown = False  # it stands for needs of which a new worker has room for some: they have others now
        self.reserved: Worker | None = None  # kept free for this shape
        self.blocked_since: float | None = None
        self.share: float = 0.0  # largest share of the pool's capacity that one execution holds, 0 to 1

    def text(self) -> str:
        """Name the needs for people: "cpu 2, gpu 1"."""
        parts = [f"cpu {self.cpu_milli / 1000:g}"] if self.cpu_milli else []
        parts += [f"gpu {self.gpu}"] if self.gpu else []
        parts += [f"memory {self.memory_bytes / 2**20:.0f} MiB"] if self.memory_bytes else []
        parts += [f"label {name}={value}" for name, value in self.labels]
        return ", ".join(parts) or "nothing"


class Run:
    """One run, as far as it has open attempts in the pool."""

    __slots__ = ("_level", "key", "lines", "open", "run_id", "served_s")

    def __init__(self, run_id: bytes, arrival: int) -> None:
        self.run_id = run_id
        self.key: int = arrival
        self.lines: dict[Queue, Line] = {}  # with queued attempts
        self.open: int = 0  # attempts
        self.served_s: float = 0.0  # that workers held attempts of it; or as if, see `join_in`
        self._level: int = 0

    def join_in(self, clock_s: float) -> None:
        """It wants something again: it has no more to catch up on than those that wanted something all the time."""
        if self.served_s < clock_s:
            self.served_s = clock_s
            self._rank()

    def add_served(self, held_s: float) -> None:
        """A worker holds one attempt less, after so long."""
        self.key -= HELD_ONE
        self.served_s += held_s
        self._rank()

    def _rank(self) -> None:
        level = min(SERVED_MAX, int(self.served_s / TURN_S))
        if level != self._level:
            self.key += (level - self._level) * SERVED_ONE
            self._level = level


class Line:
    """Queued attempts of one run in one queue: the longest remaining path first, then by age."""

    __slots__ = ("_heap", "actions", "entry", "queue", "run")

    def __init__(self, run: Run, queue: Queue) -> None:
        self.run, self.queue = run, queue
        self.actions: dict[Action, None] = {}  # oldest first
        self.entry: Entry | None = None  # in the queue's heap; others there are out of date
        self._heap: list[tuple[float, int, Action]] = []  # some are queued no longer

    def push(self, action: Action, *, first: bool) -> None:
        self.actions[action] = None
        heappush(self._heap, (-math.inf if first else -action.start.remaining_s, action.arrival, action))

    def remove(self, action: Action) -> None:
        del self.actions[action]
        if len(self._heap) > STALE_MAX + 2 * len(self.actions):
            self._heap = [entry for entry in self._heap if entry[2] in self.actions]
            heapify(self._heap)

    def first(self) -> Action:
        """Return the attempt that goes first; there is one."""
        heap, actions = self._heap, self.actions
        while heap[0][2] not in actions:
            heappop(heap)
        return heap[0][2]


class Queue:
    """Queued attempts of one team, priority and shape: a line for each run."""

    __slots__ = ("_heap", "_number", "before", "lines", "shape", "team")

    def __init__(self, team: Team, priority: int, shape: Shape) -> None:
        self.team, self.shape = team, shape
        self.before = -priority * PRIORITY_ONE
        self.lines: dict[Run, Line] = {}  # none of them empty
        self._heap: list[Entry] = []
        self._number: int = 0

    def push(self, action: Action, *, first: bool) -> Line:
        """Queue an attempt; return its line."""
        run = action.run
        line = self.lines.get(run)
        if line is None:
            line = run.lines[self] = self.lines[run] = Line(run, self)
            self.move_up(line)
        line.push(action, first=first)
        return line

    def remove(self, action: Action, line: Line) -> None:
        """Take an attempt out."""
        line.remove(action)
        if not line.actions:
            line.entry = None
            del self.lines[line.run], line.run.lines[self]

    def move_up(self, line: Line) -> None:
        """List a line again where its run's key fell; of one that grew, `head` takes notice."""
        key, heap = line.run.key, self._heap
        if line.entry is not None and line.entry[0] <= key:
            return
        self._number += 1
        line.entry = entry = (key, self._number, line)
        heappush(heap, entry)
        if len(heap) > STALE_MAX + 2 * len(self.lines):
            self._heap = [each for each in heap if each[2].entry is each]
            heapify(self._heap)

    def head(self) -> Line:
        """Return the line whose run's turn it is; there is one."""
        if len(self.lines) == 1:
            return next(iter(self.lines.values()))
        heap = self._heap
        while True:
            entry = heap[0]
            line = entry[2]
            if line.entry is not entry:
                heappop(heap)
            elif entry[0] == (key := line.run.key):
                return line
            else:
                line.entry = entry = (key, entry[1], line)
                heapreplace(heap, entry)


class Team:
    """A holder of a share of the pool."""

    __slots__ = (
        "_idle",
        "clock_s",
        "held",
        "is_listed",
        "listed_queues",
        "name",
        "queued",
        "queues",
        "recent",
        "recent_at",
        "runs",
        "share",
        "weight",
    )

    def __init__(self, name: str, weight: float, now: float) -> None:
        self.name, self.weight = name, weight
        self.queues: dict[tuple[int, Shape], Queue] = {}
        self.listed_queues: dict[Queue, None] = {}  # not empty, and some worker could run them
        self.runs: dict[bytes, Run] = {}
        self._idle: OrderedDict[Run, None] = OrderedDict()
        self.clock_s: float = 0.0  # for how long the run had been served that was granted something last
        self.queued: int = 0
        self.held: int = 0
        self.share: float = 0.0  # of the pool, held now
        self.recent: float = 0.0
        self.recent_at: float = now
        self.is_listed = False  # in the order of teams

    def score(self, now: float) -> float:
        """Return the use of the pool, now and lately, by weight; the lowest goes first."""
        passed_s = now - self.recent_at
        if passed_s > 0:
            kept = math.exp(-passed_s / RECENT_S)
            self.recent = self.recent * kept + self.share * (1 - kept)
            self.recent_at = now
        return (self.share + self.recent) / self.weight

    def open_run(self, run_id: bytes, arrival: int) -> Run:
        """Return the run of a new attempt."""
        run = self.runs.get(run_id)
        if run is None:
            run = self.runs[run_id] = Run(run_id, arrival)
            run.join_in(self.clock_s)
        elif not run.open:
            del self._idle[run]
            run.join_in(self.clock_s)
        run.open += 1
        return run

    def close_run(self, run: Run) -> None:
        """An attempt of the run is open no longer."""
        run.open -= 1
        if not run.open:
            self._idle[run] = None
            if len(self._idle) > IDLE_RUNS_MAX:
                del self.runs[self._idle.popitem(last=False)[0].run_id]

    def list_queue(self, queue: Queue) -> None:
        """Count on a queue; one that no worker could ever run is left out until that changes."""
        if queue.shape.hosts and queue.lines:
            self.listed_queues[queue] = None


class Worker:
    """A registered worker, as this service believes it to be; its agent starts what waits in order, as it fits."""

    __slots__ = (
        "ahead",
        "backlog_s",
        "bundles",
        "cpu_milli",
        "ended_at",
        "fractions",
        "free_cpu_milli",
        "free_gpu",
        "free_memory_bytes",
        "gpu",
        "heard_at",
        "held",
        "is_connected",
        "is_draining",
        "is_hosting",
        "labels",
        "long_share",
        "memory_bytes",
        "name",
        "orders",
        "register",
        "reserved",
    )

    def __init__(self, register: Register, now: float) -> None:
        self.register = register
        self.name = register.worker
        capacity = register.capacity
        self.cpu_milli = self.free_cpu_milli = capacity.cpu_milli
        self.gpu = self.free_gpu = capacity.gpu
        self.memory_bytes = self.free_memory_bytes = capacity.memory_bytes
        self.labels = dict(capacity.labels)
        self.held: dict[int, Action] = {}
        self.ahead: OrderedDict[Action, None] = OrderedDict()
        self.fractions: dict[
            Shape, float
        ] = {}  # of this worker that an execution of the shape holds; absent: too large
        self.backlog_s: float = 0.0  # expected time of the short actions held, if nothing else ran
        self.long_share: float = 0.0  # held by actions that are long or of unknown length
        self.is_connected, self.is_draining = True, False
        self.is_hosting = False  # counted by the shapes that it could run
        self.reserved: Shape | None = None  # nothing else is granted to it until this fits
        self.heard_at: float = now
        self.ended_at: float = now  # something ended there
        self.bundles: OrderedDict[bytes, None] = OrderedDict()
        self.orders = ToWorker(self.name, [], [], [])

    @property
    def load(self) -> float:
        return self.long_share + self.backlog_s / AHEAD_S

    def fraction(self, shape: Shape) -> float | None:
        """Return the largest share of this worker that the shape holds; None if it never fits."""
        if any(self.labels.get(name) != value for name, value in shape.labels):
            return None
        largest = 0.0
        for need, have in (
            (shape.cpu_milli, self.cpu_milli),
            (shape.gpu, self.gpu),
            (shape.memory_bytes, self.memory_bytes),
        ):
            if need > have:
                return None
            if need:
                largest = max(largest, need / have)
        return largest

    def fits(self, shape: Shape) -> bool:
        """Whether an execution can start at once."""
        return (
            not self.ahead
            and len(self.held) < HELD_MAX
            and shape.cpu_milli <= self.free_cpu_milli
            and shape.gpu <= self.free_gpu
            and shape.memory_bytes <= self.free_memory_bytes
        )

    def has_room_soon(self, fraction: float) -> bool:
        """Whether there will be room within the time that is granted ahead."""
        room = 1.0 - self.long_share
        return room + SLACK >= fraction and self.backlog_s < AHEAD_S * room and len(self.held) < HELD_MAX

    def takes_ahead(self, fraction: float, expected_s: float) -> bool:
        """Whether it would finish the action, behind all that it holds, within the time that is granted ahead."""
        if self.reserved is not None or len(self.held) >= HELD_MAX:
            return False
        room = 1.0 - self.long_share
        return room + SLACK >= fraction and self.backlog_s + expected_s * fraction <= AHEAD_S * room

    def put(self, action: Action, fraction: float, bundle: bytes) -> None:
        """Hold an action: running if it fits, otherwise queued behind the others."""
        expected_s = action.duration.expected_s
        if expected_s <= AHEAD_S:
            action.load_s, action.long = expected_s * fraction, 0.0
            self.backlog_s += action.load_s
        else:
            action.load_s, action.long = 0.0, fraction
            self.long_share += fraction
        if self.fits(action.shape):
            self._run(action)
        else:
            action.is_running = False
            self.ahead[action] = None
        self.held[action.grant] = action
        if bundle in self.bundles:
            return
        self.bundles[bundle] = None
        if len(self.bundles) > BUNDLES_MAX:
            self.bundles.popitem(last=False)

    def drop(self, action: Action) -> None:
        """Hold an action no longer; those behind it move up."""
        del self.held[action.grant]
        action.worker = None
        if action.is_running:
            shape = action.shape
            self.free_cpu_milli += shape.cpu_milli
            self.free_gpu += shape.gpu
            self.free_memory_bytes += shape.memory_bytes
            action.is_running = False
        else:
            del self.ahead[action]
        if self.held:
            self.backlog_s -= action.load_s
            self.long_share -= action.long
            if self.ahead:
                self._move_up()
        else:  # sums of floating-point numbers drift
            self.backlog_s = self.long_share = 0.0

    def _run(self, action: Action) -> None:
        shape = action.shape
        self.free_cpu_milli -= shape.cpu_milli
        self.free_gpu -= shape.gpu
        self.free_memory_bytes -= shape.memory_bytes
        action.is_running = True

    def _move_up(self) -> None:
        ahead = self.ahead
        while ahead:
            shape = next(iter(ahead)).shape
            if (
                shape.cpu_milli > self.free_cpu_milli
                or shape.gpu > self.free_gpu
                or shape.memory_bytes > self.free_memory_bytes
            ):
                return
            self._run(ahead.popitem(last=False)[0])

    def take_orders(self) -> ToWorker | None:
        """Return the orders gathered since the last time; None if there are none."""
        orders = self.orders
        if not (orders.recorded or orders.stop or orders.grants):
            return None
        self.forget_orders()
        return orders

    def forget_orders(self) -> None:
        self.orders = ToWorker(self.name, [], [], [])
