"""Processes that run nothing now: warm ones, each bound to a bundle, a team and GPUs, and blank ones for what comes."""

from collections.abc import Iterable, Sequence
from typing import Final

from .child_process import Binding, ChildProcess

LATELY_S: Final = 60.0  # for once or twice as long as many processes stay warm as slots were open at a time


class Warm:
    """Chooses which process serves next and which must go."""

    def __init__(self, gpus: Sequence[str], cores: int) -> None:
        self.idle: list[ChildProcess] = []  # longest idle first
        self.blank: list[ChildProcess] = []
        self._gpus = gpus
        self.cores = cores
        self._peaks = [0, 0]  # slots open at a time: of this period, and of the one before
        self._until = 0.0

    @property
    def count_max(self) -> int:
        """Processes that may stay: as many as were used at a time lately, and one for each core."""
        return max(self.cores, *self._peaks)

    def note_used(self, slots: int) -> None:
        """So many slots are open."""
        if slots > self._peaks[0]:
            self._peaks[0] = slots

    def look(self, now: float, slots: int, scarce: bool) -> list[ChildProcess]:
        """Return idle processes that are too many now; where memory is scarce, all beyond the cores."""
        if now >= self._until:
            self._peaks = [slots, self._peaks[0]]
            self._until = now + LATELY_S
        if scarce:
            self._peaks = [slots, slots]
        return self.idle[: max(0, len(self.idle) - self.count_max)]

    def take(self, binding: Binding, busy: set[str]) -> ChildProcess | None:
        """Return the process with this binding that ran last, if its GPUs are free."""
        for child in reversed(self.idle):
            if child.binding == binding and busy.isdisjoint(child.gpus):
                self.idle.remove(child)
                return child
        return None

    def others(self, binding: Binding) -> list[ChildProcess]:
        """Idle processes with another binding, longest idle first."""
        return [child for child in self.idle if child.binding != binding]

    def free_gpus(self, count: int, busy: set[str]) -> tuple[tuple[str, ...], list[ChildProcess]]:
        """Return GPUs that nothing runs on, best those that no idle process keeps warm; and such processes, to end."""
        if not count:
            return (), []
        warm = {gpu for child in self.idle for gpu in child.gpus}
        free = sorted((gpu for gpu in self._gpus if gpu not in busy), key=lambda gpu: gpu in warm)
        chosen = tuple(free[:count])
        return chosen, [child for child in self.idle if not set(chosen).isdisjoint(child.gpus)]

    def forget(self, children: Iterable[ChildProcess]) -> None:
        """These are gone, or going."""
        for child in children:
            for group in (self.idle, self.blank):
                if child in group:
                    group.remove(child)


def starting_process(children: Iterable[ChildProcess], binding: Binding) -> ChildProcess | None:
    """Return a process of this binding that still starts, and whose work another one has taken over."""
    for child in children:
        if child.binding == binding and child.slot is None and not (child.is_ready or child.is_ending or child.gpus):
            return child
    return None
