"""The actions of a worker: the running ones, and those queued ahead of capacity."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from penstock_proto.action_service.v1.worker_pb2 import Register

from .effects import Granted, ToWorker

if TYPE_CHECKING:
    from .action import Action
    from .shapes import Shape

AHEAD_S = 0.020  # a worker may hold what it is expected to finish within this time
HELD_MAX = 1024  # actions that a worker may hold
BUNDLES_MAX = 16  # warm bundles that are remembered of a worker
SLACK = 1e-9  # for sums of fractions


class Worker:
    """A registered worker, as this service believes it to be; its agent starts what waits in order, as it fits."""

    __slots__ = (
        "_grants",
        "_recorded",
        "_stop",
        "ahead",
        "backlog_s",
        "bundles",
        "connected",
        "cpu_milli",
        "draining",
        "ended_at",
        "fractions",
        "free_cpu_milli",
        "free_gpu",
        "free_memory_bytes",
        "gpu",
        "heard_at",
        "held",
        "hosting",
        "labels",
        "long_share",
        "memory_bytes",
        "name",
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
        self.connected, self.draining = True, False
        self.hosting = False  # counted by the shapes that it could run
        self.reserved: Shape | None = None  # nothing else is granted to it until this fits
        self.heard_at: float = now
        self.ended_at: float = now  # something ended there
        self.bundles: OrderedDict[bytes, None] = OrderedDict()
        self._recorded: list[int] = []
        self._stop: list[int] = []
        self._grants: list[Granted] = []

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

    def soon_free(self, fraction: float) -> bool:
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
            action.running = False
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
        if action.running:
            shape = action.shape
            self.free_cpu_milli += shape.cpu_milli
            self.free_gpu += shape.gpu
            self.free_memory_bytes += shape.memory_bytes
            action.running = False
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
        action.running = True

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

    def tell_recorded(self, grant: int) -> None:
        self._recorded.append(grant)

    def tell_stop(self, grant: int) -> None:
        self._stop.append(grant)

    def tell_grant(self, granted: Granted) -> None:
        self._grants.append(granted)

    def take_orders(self) -> ToWorker | None:
        """Return the orders gathered since the last time; None if there are none."""
        if not (self._recorded or self._stop or self._grants):
            return None
        orders = ToWorker(self.name, self._recorded, self._stop, self._grants)
        self.forget_orders()
        return orders

    def forget_orders(self) -> None:
        self._recorded, self._stop, self._grants = [], [], []
