"""Which processes stay, and which work they get: nothing waits for a process that starts while another one idles."""

import asyncio
from typing import Any

from penstock_executors.process import BLANKS_MAX
from penstock_executors.warm import LATELY_S, Warm

from tests.executors.harness import Worker, keeper_of_this_process, result

OPS = """
import os, time
from penstock import operator

@operator
def pid(a: float) -> int:
    time.sleep(a)
    return os.getpid()
"""


async def test_a_burst_of_parts_of_a_core_finds_the_processes_of_the_last_one(worker: Any) -> None:
    it: Worker = await worker(OPS, cores=2)

    async def burst() -> set[int]:
        numbers = it.order(*[it.grant("pid", 0.001, cpu=0.25) for _ in range(200)])
        return {result(await it.ended(number)) for number in numbers}

    # The first one starts what it needs; processes that were still starting come too late for it.
    first = await burst()
    more = it.order(*[it.grant("pid", 0.5, cpu=0.25) for _ in range(8)])
    first |= {result(await it.ended(number)) for number in more}
    keeper = keeper_of_this_process()
    await asyncio.sleep(1.5)  # longer than the worker rests before it makes ready for other bundles
    alive = {child.pid for child in keeper.children()}
    assert first <= alive
    for _ in range(3):
        assert await burst() <= alive
    assert len({child.pid for child in keeper.children()} - alive) <= BLANKS_MAX


async def test_work_that_waits_for_a_process_that_starts_is_done_by_one_that_is_there(worker: Any) -> None:
    it: Worker = await worker(OPS, cores=4)
    known = result(await it.run("pid", 0.0))
    keeper = keeper_of_this_process()
    keeper.suspend()  # no process starts from now on
    try:
        numbers = it.order(*[it.grant("pid", 0.3) for _ in range(4)])
        pids = [result(await it.ended(number)) for number in numbers]
    finally:
        keeper.resume()
    assert known in pids and len(set(pids)) < 4
    again = it.order(*[it.grant("pid", 0.3) for _ in range(4)])
    assert {result(await it.ended(number)) for number in again} >= set(pids)


def test_as_many_stay_warm_as_were_used_lately() -> None:
    warm = Warm((), 2)
    children: Any = [object() for _ in range(10)]
    warm.idle = children
    warm.note_used(8)
    assert len(warm.look(0.0, 1, scarce=False)) == 2
    assert len(warm.look(0.5 * LATELY_S, 1, scarce=False)) == 2
    assert len(warm.look(1.1 * LATELY_S, 1, scarce=False)) == 8
    warm.note_used(8)
    assert warm.look(1.2 * LATELY_S, 1, scarce=True) == children[:8]
