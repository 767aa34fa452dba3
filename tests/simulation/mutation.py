"""A deliberate bug: what is replaced, by what, and under which faults it shows.

It counts as caught where an invariant is violated or the log contradicts itself, never by an error of its own, and
where the same seed holds without it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from penstock_state_tracker.errors import CorruptLog

from . import faults
from .violations import Violation
from .world import World

ANY = {"profile": faults.ANYTHING}
# Nothing else goes wrong, with the faults of `ANYTHING` that may be drawn beside.
_NOTHING = {
    name: 0.0 for name in faults.Faults.__dataclass_fields__ if name not in ("profile", "cancel", "action_fails")
}
WELL = {**_NOTHING, "profile": faults.WORKERS_ARE_WELL}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One attribute of the product replaced; `make` gets the right one and returns the wrong one.

    `provoked` are faults that let it show in many seeds.
    """

    name: str
    owner: Any
    attribute: str
    make: Callable[[Any], Any]
    provoked: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def forced(self) -> Mapping[str, Any]:
        """What its seeds are simulated with."""
        return dict.fromkeys(faults.DRAWN_APART, 0.0) | dict(self.provoked)

    @contextmanager
    def applied(self) -> Generator[None]:
        right = self.owner.__dict__[self.attribute]
        setattr(self.owner, self.attribute, self.make(right))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)

    def caught_by(self, seeds: Iterable[int]) -> tuple[int, str] | None:
        """Return the first seed that notices the bug, and how; None if none does."""
        for seed in seeds:
            with self.applied():
                found = self._violated(seed)
            if found is not None and self._violated(seed) is None:
                return seed, f"{found}"
        return None

    def _violated(self, seed: int) -> BaseException | None:
        try:
            World(seed, forced=self.forced).run()
        except Violation as violation:
            if isinstance(violation.__cause__, Violation | CorruptLog):
                return violation.__cause__
        return None
