"""Where: which worker an action goes to. What was found full is not looked at again until something there ends."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from penstock_proto.plan.v1.plan_pb2 import Resources

from .records import AHEAD_S, Shape
from .shapes import Shapes

if TYPE_CHECKING:
    from .records import Action, Worker

LOOKED_AT_MAX = 8  # candidates compared for one action
WAITS_FOR_ROOM_S = AHEAD_S / 4  # what is expected to take longer has a worker kept free that soon has room
RESERVE_AFTER_S = 2.0  # without any grant to a shape that waits
RESERVED_AT_ONCE_MAX = 64
SHAPES_KEPT = 256

Amounts = tuple[int, int, int]  # thousandths of a core, GPUs, bytes of memory


class Placement:
    """The workers of a pool and the shapes that want room there."""

    __slots__ = ("_total", "changed", "shapes", "workers")

    def __init__(self) -> None:
        self.shapes = Shapes()
        self.workers: dict[str, Worker] = {}
        self._total: Amounts = (0, 0, 0)
        self.changed: dict[Shape, None] = {}  # some worker could run them now and none before, or the other way round

    def shape(self, resources: Resources) -> Shape:
        """Return the shape of these needs, with every worker that may have room as its candidate."""
        shape, new = self.shapes.of(resources)
        if new:
            for worker in self.workers.values():
                self._introduce(worker, shape)
            self._weigh(shape)
        return shape

    def join(self, worker: Worker) -> list[Shape]:
        """Take a worker in; return the shapes that are out of use by it, whose attempts need others."""
        self.workers[worker.name] = worker
        outgrown = self.shapes.outgrow(worker.cpu_milli, worker.memory_bytes)
        for shape in self.shapes:
            self._introduce(worker, shape)
        self._weigh_all()
        self.resume(worker)
        return outgrown

    def leave(self, worker: Worker) -> None:
        del self.workers[worker.name]
        self.pause(worker)
        self._weigh_all()

    def resume(self, worker: Worker) -> None:
        """It can be granted something from now on; a draining one never again."""
        if worker.is_connected and not worker.is_draining and not worker.is_hosting:
            worker.is_hosting = True
            for shape in worker.fractions:
                self._host(shape, 1)

    def pause(self, worker: Worker) -> None:
        """Grant it nothing until it is resumed and freed again."""
        self.unreserve(worker)
        for shape in worker.fractions:
            shape.candidates.pop(worker, None)
            if worker.is_hosting:
                self._host(shape, -1)
        worker.is_hosting = False

    def take_changed(self) -> list[Shape]:
        changed, self.changed = self.changed, {}
        return list(changed)

    def _host(self, shape: Shape, count: int) -> None:
        shape.hosts += count
        if shape.hosts <= 1:
            self.changed[shape] = None

    def note_freed(self, worker: Worker) -> None:
        """Something ended there: it may have room for any shape."""
        if worker.is_connected and not worker.is_draining:
            for shape in worker.fractions:
                shape.candidates[worker] = None

    def may_have_room(self) -> bool:
        """Whether anything that waits might find room."""
        return any(shape.candidates for shape in self.shapes.waiting)

    def choose(self, action: Action, now: float) -> Worker | None:
        """Return a worker: best one that did not give it back, a warm one, one with room now, the least loaded."""
        shape, bundle, expected_s = action.shape, action.start.bundle, action.duration.expected_s
        best: Worker | None = None
        best_rank: tuple[bool, bool, bool, float] | None = None
        avoided = action.avoided
        soon: Worker | None = None
        looked_at = list(islice(shape.candidates, LOOKED_AT_MAX))
        for worker in looked_at:
            fraction = worker.fractions[shape]
            if worker.reserved is not None and worker.reserved is not shape:
                del shape.candidates[worker]
            elif (now_there := worker.fits(shape)) or worker.takes_ahead(fraction, expected_s):
                rank = (worker.name == avoided, bundle not in worker.bundles, not now_there, worker.load)
                if best_rank is None or rank < best_rank:
                    best, best_rank = worker, rank
            elif expected_s * fraction > WAITS_FOR_ROOM_S and worker.has_room_soon(fraction):
                soon = worker
            else:
                del shape.candidates[worker]
        if len(shape.candidates) > LOOKED_AT_MAX:
            for worker in looked_at:
                if worker in shape.candidates:
                    shape.candidates.move_to_end(worker)
        if best is not None:
            shape.blocked_since = None
            if shape.reserved is not None:
                self.unreserve(shape.reserved)
        else:
            self._note_blocked(shape, soon, now)
        return best

    def _note_blocked(self, shape: Shape, soon: Worker | None, now: float) -> None:
        if shape.blocked_since is None:
            shape.blocked_since = now
        if soon is not None and shape.reserved is None and soon.reserved is None:
            self._reserve(shape, soon)  # else short actions granted ahead would keep it out for ever

    def reserve_for_waiting(self, now: float) -> None:
        """Keep a worker for each shape that got nothing for long, so that smaller ones cannot starve it."""
        waiting: list[Shape] = []
        for shape in self.shapes:
            if not shape.queued:
                shape.blocked_since = None
                if shape.reserved is not None:
                    self.unreserve(shape.reserved)
            elif shape.reserved is None and shape.hosts and _waits_long(shape, now):
                waiting.append(shape)
        if waiting:
            free = [worker for worker in self.workers.values() if worker.is_hosting and worker.reserved is None]
            for shape in waiting[:RESERVED_AT_ONCE_MAX]:
                self._reserve_best(shape, free)

    def _reserve_best(self, shape: Shape, free: list[Worker]) -> None:
        fitting = [worker for worker in free if shape in worker.fractions]
        if fitting:
            best = min(fitting, key=lambda worker: worker.load)
            free.remove(best)
            self._reserve(shape, best)

    def _reserve(self, shape: Shape, worker: Worker) -> None:
        shape.reserved, worker.reserved = worker, shape
        shape.candidates[worker] = None

    def unreserve(self, worker: Worker) -> None:
        if worker.reserved is not None:
            worker.reserved.reserved = None
            worker.reserved = None
            self.note_freed(worker)

    def capacity(self) -> Amounts:
        """Return what the workers have, all together."""
        return self._total

    def tidy(self, actions: Iterable[Action]) -> None:
        """Forget shapes that none of the open actions has, where there are many."""
        if len(self.shapes) > SHAPES_KEPT:
            used = {action.shape for action in actions}
            used.update(action.shape for worker in self.workers.values() for action in worker.held.values())
            unused = {shape for shape in self.shapes if not (shape in used or shape.queues or shape.reserved)}
            self.shapes.forget(unused)
            for worker in self.workers.values():
                worker.fractions = {s: part for s, part in worker.fractions.items() if s not in unused}

    def _introduce(self, worker: Worker, shape: Shape) -> None:
        fraction = worker.fraction(shape)
        if fraction is not None:
            worker.fractions[shape] = fraction
            if worker.is_connected and not worker.is_draining:
                shape.candidates[worker] = None
            if worker.is_hosting:
                self._host(shape, 1)

    def _weigh_all(self) -> None:
        workers = self.workers.values()
        self._total = (
            sum(worker.cpu_milli for worker in workers),
            sum(worker.gpu for worker in workers),
            sum(worker.memory_bytes for worker in workers),
        )
        for shape in self.shapes:
            self._weigh(shape)

    def _weigh(self, shape: Shape) -> None:
        needs = (shape.cpu_milli, shape.gpu, shape.memory_bytes)
        pairs = zip(needs, self._total, strict=True)
        shape.share = max(min(1.0, need / have) if have else 0.0 for need, have in pairs)


def _waits_long(shape: Shape, now: float) -> bool:
    return shape.blocked_since is not None and now - shape.blocked_since > RESERVE_AFTER_S
