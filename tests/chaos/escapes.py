"""Operators that start processes in sessions of their own: whatever ends the attempt, none of them is left."""

import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from random import Random
from typing import Any, Final

import psutil
from penstock import AsyncClient

from tests.simulation.invariants import Violation, demand

from .marks import POLL_S, demand_gone, living
from .suite import Suite
from .workload import LEFT, LIVES_S, escapes, times_out

# For an operator to begin on a busy machine.
BEGUN_S_MAX: Final = 60.0


class _Runs:
    """Runs of this fault, each with a mark of its own."""

    def __init__(self, suite: Suite) -> None:
        self._suite, self._call = suite, suite.background.call
        self._client: AsyncClient = self._call(_client(suite.topology.address))

    def close(self) -> None:
        self._call(self._client.close())

    def begin(self, workflow: Any, pause_s: float) -> tuple[Any, str]:
        mark = f"{self._suite.marks}/escape-{uuid.uuid4().hex}"
        return self._call(self._client.submit(workflow, mark=mark, pause_s=pause_s)), mark

    def begun(self, mark: str) -> list[int]:
        """Wait until its processes are there; return them."""
        deadline = time.monotonic() + BEGUN_S_MAX
        while len(pids := [pid for pid, one in living(self._suite.marks).items() if one == mark]) < LEFT:
            if time.monotonic() > deadline:
                raise Violation(f"an operator did not begin within {BEGUN_S_MAX:.0f} s; {mark}: {pids}")
            time.sleep(POLL_S)
        return pids

    def cancel(self, run: Any) -> None:
        self._call(self._client.cancel(run))

    def ended(self, run: Any, mark: str, how: str) -> None:
        self._call(self._client.wait_ended(run))
        demand_gone(self._suite.marks, lambda _, one: one == mark, f"after {how}")


async def _client(address: str) -> AsyncClient:
    return AsyncClient(address)


def escape(suite: Suite, dice: Random) -> None:
    """An operator ends, exceeds its time, is cancelled; then its worker is killed and stays away for a while."""
    runs = _Runs(suite)
    try:
        for workflow, pause_s, how in ((escapes, 0.0, "the operator's end"), (times_out, LIVES_S, "its timeout")):
            runs.ended(*runs.begin(workflow, pause_s), how)
        run, mark = runs.begin(escapes, LIVES_S)
        runs.begun(mark)
        runs.cancel(run)
        runs.ended(run, mark, "its cancellation")
        run, mark = runs.begin(escapes, LIVES_S)
        _kill_worker_of(suite, runs.begun(mark))
        runs.cancel(run)
        runs.ended(run, mark, "its worker was killed, and its cancellation")
    finally:
        runs.close()


def _kill_worker_of(suite: Suite, pids: Collection[int]) -> None:
    """Kill it; demand that these processes end before it is there again, since nobody may ever start it."""
    ancestors: set[int] = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            ancestors.update(parent.pid for parent in psutil.Process(pid).parents())
    names = [name for name in suite.names("worker") if suite.instance(name).pid in ancestors]
    demand(len(names) == 1, f"the processes {pids} descend from {names or 'no worker'}")
    worker = suite.instance(names[0])
    worker.kill()
    try:
        demand_gone(suite.marks, lambda pid, _: pid in pids, "after the worker was killed")
    finally:
        worker.start()
    suite.topology.wait_ready(workers=False)
