"""Calls that change an ended run take turns: between looking at the run and changing it, nobody else changes it."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """A lock for each run that somebody is about to change."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def of(self, run_id: bytes) -> asyncio.Lock:
        """Return the lock of a run, to be held while it is looked at and changed."""
        return self._locks.setdefault(run_id, asyncio.Lock())
