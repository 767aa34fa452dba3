"""Runs of which nothing new is granted, and their attempts that could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Action


class Holds:
    """Held runs, by their ids. False if there are none, which is all that others pay for it."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: dict[bytes, tuple[int, dict[Action, None]]] = {}  # the shard, and what is parked

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def add(self, run_id: bytes, shard: int) -> None:
        """Hold a run; harmless when repeated."""
        self._runs.setdefault(run_id, (shard, {}))

    def release(self, run_id: bytes) -> list[Action]:
        """Let a run go; return what was parked, the first one first."""
        return list(self._runs.pop(run_id, (0, {}))[1])

    def of_shard(self, shard: int) -> list[bytes]:
        """Return the held runs of a shard."""
        return [run_id for run_id, (of_run, _) in self._runs.items() if of_run == shard]

    def park(self, action: Action) -> None:
        """Keep an attempt of a held run."""
        self._runs[action.key[0]][1][action] = None

    def has(self, action: Action) -> bool:
        """Whether an attempt is parked."""
        held = self._runs.get(action.key[0])
        return held is not None and action in held[1]

    def drop(self, action: Action) -> None:
        """Forget an attempt; harmless if it is not parked."""
        held = self._runs.get(action.key[0])
        if held is not None:
            held[1].pop(action, None)
