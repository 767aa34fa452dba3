"""Slots: the rights of one worker to run one action at a time, each holding the resources that its actions declare."""

from collections import deque
from typing import NamedTuple

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import Cause

UNKNOWN_S = 1e6  # stands for the duration of an operator that was not seen yet
AHEAD_MAX = 64  # actions in one slot, the one that runs included
PREPARE_S = 900.0  # for an action to fetch, start and import what it needs, before its operator is called
AHEAD_S = 0.005  # an action goes behind others only if they should be done by then

_NOT_STOPPED: Cause = Cause.CAUSE_UNSPECIFIED  # looked up once: it is slow


class Need(NamedTuple):
    """Resources, in the units of the plan."""

    cpu_milli: int
    gpu: int
    memory_bytes: int

    @classmethod
    def of(cls, resources: Resources) -> "Need":
        """What an action with these declared resources holds."""
        return cls(max(0, resources.cpu_milli), max(0, resources.gpu), max(0, resources.memory_bytes))

    def spelt(self) -> str:
        """For people."""
        return f"{self.cpu_milli / 1000:g} cores, {self.gpu} GPUs and {self.memory_bytes / 2**30:.3g} GiB of memory"


class Alike(NamedTuple):
    """What actions have in common that may follow each other in one process."""

    need: Need
    bundle: bytes
    team: str


class Held:
    """A grant that has not ended."""

    __slots__ = ("cause", "expected_s", "grant", "id", "is_unwanted", "message", "need", "order", "slot")

    def __init__(self, grant: Grant, number: int, need: Need, order: int) -> None:
        self.grant = grant
        self.id = number
        self.need = need
        self.order = order  # of arrival
        self.slot: Slot | None = None  # None: it waits
        self.expected_s = 0.0
        self.cause = _NOT_STOPPED  # why it is being stopped
        self.message = ""
        self.is_unwanted = False  # its end is known already: nobody waits for a report


class Slot:
    """Runs its actions one after the other, the first of them now."""

    __slots__ = (
        "alike", "deadline", "expected_s", "is_late", "is_reported", "is_taken_back", "number", "queue", "since",
    )  # fmt: skip

    def __init__(self, number: int, alike: Alike) -> None:
        self.number = number
        self.alike = alike
        self.queue: deque[Held] = deque()
        self.expected_s = 0.0  # until all are done, as far as known
        self.since = 0.0  # when its first action became the first
        self.deadline = 0.0  # when to ask how far its first action is; 0: it has no limit
        self.is_reported = False  # `started` was reported of its first action
        self.is_late = False  # its first action takes longer than expected: nothing goes behind it
        self.is_taken_back = False  # and what was behind it is had back

    def admits(self, ahead_max: int) -> bool:
        """Whether another action may go behind those that are here."""
        return not self.is_late and self.expected_s < AHEAD_S and len(self.queue) < ahead_max

    def begin(self, now: float) -> None:
        """The first action of the queue runs from now on."""
        self.since, self.is_reported, self.is_late, self.is_taken_back = now, False, False, False
        timeout_s = self.queue[0].grant.timeout_s
        self.deadline = now + (min(timeout_s, PREPARE_S) if timeout_s > 0 else PREPARE_S)


class Slots:
    """All slots of a worker; together they never hold more than its capacity."""

    def __init__(self, capacity: Need, slots_max: int, ahead_max: int = AHEAD_MAX) -> None:
        self.capacity = capacity
        self.open: dict[int, Slot] = {}
        self._cpu, self._gpu, self._memory = capacity
        self._alike: dict[Alike, list[Slot]] = {}
        self._slots_max, self._ahead_max = slots_max, ahead_max
        self._last = 0

    def can_ever_run(self, need: Need) -> bool:
        """Whether the worker could ever run it."""
        most = self.capacity
        return need.cpu_milli <= most.cpu_milli and need.gpu <= most.gpu and need.memory_bytes <= most.memory_bytes

    def lacks_gpu_only(self, need: Need) -> bool:
        """Whether everything but GPUs is free."""
        return need.gpu > self._gpu and need.cpu_milli <= self._cpu and need.memory_bytes <= self._memory

    def place(self, held: Held, now: float) -> Slot | None:
        """Put the action into a new slot, or behind short ones that hold the same; None: neither is possible now."""
        need, alike = held.need, Alike(held.need, held.grant.bundle, held.grant.team)
        room = need.cpu_milli <= self._cpu and need.gpu <= self._gpu and need.memory_bytes <= self._memory
        if room and len(self.open) < self._slots_max:
            slot = self._new(alike)
            self._join(slot, held)
            slot.begin(now)
            return slot
        best: Slot | None = None
        for slot in self._alike.get(alike, ()):
            if slot.admits(self._ahead_max) and (best is None or slot.expected_s < best.expected_s):
                best = slot
        if best is not None:
            self._join(best, held)
        return best

    def leave(self, held: Held, now: float) -> None:
        """The action ended or was taken back: the next of its slot begins, or the slot closes."""
        slot = held.slot
        assert slot is not None
        first = slot.queue[0] is held
        slot.queue.remove(held)
        slot.expected_s -= held.expected_s
        held.slot = None
        if not slot.queue:
            self._close(slot)
        elif first:
            slot.begin(now)

    def _join(self, slot: Slot, held: Held) -> None:
        slot.queue.append(held)
        slot.expected_s += held.expected_s
        held.slot = slot

    def _new(self, alike: Alike) -> Slot:
        need = alike.need
        self._last += 1
        slot = self.open[self._last] = Slot(self._last, alike)
        self._alike.setdefault(alike, []).append(slot)
        self._cpu -= need.cpu_milli
        self._gpu -= need.gpu
        self._memory -= need.memory_bytes
        return slot

    def _close(self, slot: Slot) -> None:
        del self.open[slot.number]
        alike = self._alike[slot.alike]
        alike.remove(slot)
        if not alike:
            del self._alike[slot.alike]
        self._cpu += slot.alike.need.cpu_milli
        self._gpu += slot.alike.need.gpu
        self._memory += slot.alike.need.memory_bytes
