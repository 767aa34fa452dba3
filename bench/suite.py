"""The workloads against a running stack, from the client's side: from before the submission to the checked result."""

import asyncio
import os
import statistics
import sys
from time import perf_counter

import penstock
from penstock import AsyncClient

from . import workloads
from .measuring import cpu_s, median_of, memory_bytes, timed
from .stack import Running


async def measure(running: Running, *, quick: bool = False) -> dict[str, float]:
    """Return the figures of every workload."""
    figures: dict[str, float] = {}
    pids = [*running.pids, os.getpid()]
    async with AsyncClient(running.address) as client:
        suite = Suite(client, figures, pids, quick=quick)
        steps = (suite.warm, suite.chain40, suite.dag6, suite.fanout, suite.many200, suite.many2000, suite.fib33)
        for step in (*steps, suite.map100k, suite.map2x10k, suite.waiting10k):
            print(f"  {step.__name__} ...", file=sys.stderr, flush=True)
            await step()
    return figures


class Suite:
    """One client, its compiled workflows, and the figures so far."""

    def __init__(self, client: AsyncClient, figures: dict[str, float], pids: list[int], *, quick: bool) -> None:
        self._client = client
        self._figures = figures
        self._pids = pids
        self._quick = quick
        self._repeats = 2 if quick else 5
        self._compiled = {name: penstock.compile(getattr(workloads, name)) for name in workloads.WORKFLOWS}

    async def run(self, name: str, expected: object = None, **inputs: object) -> object:
        """Run one workflow; check its result."""
        run = await self._client.submit(self._compiled[name], **inputs)
        result = await self._client.result(run)
        if expected is not None and result != expected:
            raise AssertionError(f"{name} returned {result!r}, not {expected!r}")
        return result

    async def warm(self) -> None:
        """The first run of each shape uploads its plan; the first of all starts the worker's processes."""
        for name, expected in (("chain10", 1), ("dag6", 2), ("fanout1000", 1000), ("chain40", None)):
            await self.run(name, expected)
        await self._many(100)

    async def chain40(self) -> None:
        """One workflow of 40 small tasks in a row."""
        walls = [await timed(lambda: self.run("chain40")) for _ in range(self._repeats * 4)]
        self._figures["chain40_hop_ms_p50"] = statistics.median(walls) / 40 * 1e3

    async def dag6(self) -> None:
        """The six-node DAG, one run at a time."""
        walls = [await timed(lambda: self.run("dag6", 2)) for _ in range(50)]
        self._figures["dag6_run_ms_p50"] = statistics.median(walls) * 1e3
        self._figures["dag6_run_ms_p99"] = sorted(walls)[int(len(walls) * 0.99)] * 1e3

    async def fanout(self) -> None:
        """A thousand tasks in parallel and a join."""
        self._figures["fanout1000_join_s"] = await median_of(lambda: self.run("fanout1000", 1000), self._repeats)

    async def many200(self) -> None:
        """200 runs of ten tasks at once."""
        wall = await median_of(lambda: self._many(200), self._repeats)
        self._figures["runs200x10_actions_per_s"] = 2000 / wall

    async def many2000(self) -> None:
        """2,000 runs of ten tasks at once; what they cost."""
        await self._many(500)
        walls, cpus = list[float](), list[float]()
        for _ in range(max(2, self._repeats - 2)):
            before = cpu_s(self._pids)
            walls.append(await timed(lambda: self._many(2000)))
            cpus.append(cpu_s(self._pids) - before)
        self._figures["runs2000x10_actions_per_s"] = 20000 / statistics.median(walls)
        self._figures["cpu_ms_per_action"] = statistics.median(cpus) / 20000 * 1e3
        self._figures["memory_mib"] = memory_bytes(self._pids) / 2**20

    async def fib33(self) -> None:
        """Ten half-second tasks in a row, against the seconds they took inside."""
        overheads: list[float] = []
        for _ in range(2):
            began = perf_counter()
            inside = await self.run("fib33x10")
            assert isinstance(inside, float)
            overheads.append((perf_counter() - began) / inside - 1)
        self._figures["fib33x10_overhead_pct"] = statistics.median(overheads) * 100

    async def map100k(self) -> None:
        """A map of 100,000 no-op items, and a join."""
        await self.run("mapped", sum(range(100)), count=100)
        items = 20_000 if self._quick else 100_000
        wall = await timed(lambda: self.run("mapped", sum(range(items)), count=items))
        self._figures["map100k_items_per_s"] = items / wall

    async def map2x10k(self) -> None:
        """Two consecutive maps of 10,000 items each, and a join."""
        await self.run("mapped_twice", sum(range(100)), count=100)
        wall = await timed(lambda: self.run("mapped_twice", sum(range(10_000)), count=10_000))
        self._figures["map2x10k_pipelined_s"] = wall

    async def waiting10k(self) -> None:
        """What 10,000 runs cost that wait, beyond what the stack costs without them."""
        idle_pct = await self._share_of_a_core_pct()
        await asyncio.gather(*(self._client.submit(self._compiled["waiting"]) for _ in range(10_000)))
        await asyncio.sleep(10)  # what is behind has caught up
        self._figures["waiting10k_cpu_pct"] = max(0.0, await self._share_of_a_core_pct() - idle_pct)

    async def _share_of_a_core_pct(self) -> float:
        """Return the CPU of the stack over some seconds in which it is asked for nothing."""
        pids, began = [pid for pid in self._pids if pid != os.getpid()], perf_counter()
        before = cpu_s(pids)
        await asyncio.sleep(5 if self._quick else 20)
        return (cpu_s(pids) - before) / (perf_counter() - began) * 100

    async def _many(self, count: int) -> None:
        results = await asyncio.gather(*(self.run("chain10", 1) for _ in range(count)))
        assert len(results) == count
