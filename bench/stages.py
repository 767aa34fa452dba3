"""Where the time of a hop goes: a chain of 40 through a stack in this process, with a clock at each hand-over."""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import penstock
from penstock import AsyncClient
from penstock_executors.agent import Agent
from penstock_stack import stack as stacks
from penstock_stack import worker as workers
from penstock_stream.local import LocalStream
from penstock_stream.stream import Message

from . import workloads
from .stack import fresh_folder

RUNS = 20
# Each hand-over, and the name of the time until the next.
STAGES = {
    "orders": "worker_and_operator",
    "reported": "action_service_takes_the_report",
    "reports": "state_tracker_decides_and_commits",
    "events": "dependency_manager_unlocks",
    "actions": "action_service_grants",
}
ORDER = list(STAGES)
Stamps = list[tuple[str, float]]


async def measure() -> dict[str, float]:
    """Return the median milliseconds of each stage."""
    stamps: Stamps = []
    _put_clocks(stamps)
    with fresh_folder() as folder:
        stack = stacks.Stack(folder / "data", stacks.Settings())
        await stack.start()
        try:
            async with AsyncClient(stack.address) as client:
                compiled = penstock.compile(workloads.chain40)
                for run in range(RUNS):
                    if run == RUNS // 4:
                        stamps.clear()
                    await client.result(await client.submit(compiled))
        finally:
            await stack.stop()
    return {f"stage_{STAGES[name]}_ms": statistics.median(times) * 1e3 for name, times in _between(stamps).items()}


def _between(stamps: Stamps) -> dict[str, list[float]]:
    """Return the seconds from each hand-over to the one that follows it in a hop."""
    times: dict[str, list[float]] = {name: [] for name in ORDER}
    for (name, at), (following, then) in pairwise(stamps):
        if following == ORDER[(ORDER.index(name) + 1) % len(ORDER)]:
            times[name].append(then - at)
    return {name: found for name, found in times.items() if found}


def _put_clocks(stamps: Stamps) -> None:
    class ClockedStream(LocalStream):
        def publish(self, topic: str, messages: Sequence[Message]) -> None:
            if messages:
                stamps.append((topic, time.perf_counter()))
            super().publish(topic, messages)

    class ClockedAgent(Agent):
        def __init__(self, *, send_reports: Any, **rest: Any) -> None:
            def send(reports: Any) -> None:
                stamps.append(("reported", time.perf_counter()))
                send_reports(reports)

            super().__init__(send_reports=send, **rest)

        def on_orders(self, orders: Any) -> None:
            if orders.grants:
                stamps.append(("orders", time.perf_counter()))
            super().on_orders(orders)

    stacks.LocalStream = ClockedStream
    workers.Agent = ClockedAgent
