"""`python -m bench.metrics_cost`: what metrics cost. Two stacks work in turns, one of them without any."""

import argparse
import asyncio
import statistics
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import penstock
from penstock import AsyncClient

from . import workloads
from .measuring import cpu_s, timed
from .stack import free_port, fresh_folder, wait

RUNS = 2_000
ACTIONS_A_RUN = 10
SCRAPE_EVERY_S = 5.0  # three times as often as Prometheus does
WITHOUT = """
import sys
from penstock_observability.scraped import Scraped
from prometheus_client import Counter, Histogram
Counter.inc = Histogram.observe = lambda *_: None
Scraped.register = lambda *_: lambda: None
from penstock.cli.app import execute
sys.exit(execute(sys.argv[1:]))
"""
WITH = "import sys; from penstock.cli.app import execute; sys.exit(execute(sys.argv[1:]))"


def main() -> None:
    """Measure pairs, the two stacks taking turns at being first; print the medians of their ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.metrics_cost", description=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        metrics_port = free_port()
        plain = stack.enter_context(_stack(WITHOUT))
        measured = stack.enter_context(_stack(WITH, "--metrics-port", str(metrics_port)))
        stack.enter_context(_scraped(metrics_port))
        asyncio.run(_measure([measured, plain], chosen.pairs))


@contextmanager
def _stack(program: str, *options: str) -> Generator[tuple[str, int]]:
    """Start an embedded stack; yield its address and process."""
    port = free_port()
    with fresh_folder() as folder:
        command = [sys.executable, "-c", program, "up", "--data", str(folder / "data"), "--port", str(port), *options]
        with Path(folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                wait(port, process)
                yield f"127.0.0.1:{port}", process.pid
            finally:
                process.terminate()
                process.wait(60)


@contextmanager
def _scraped(port: int) -> Generator[None]:
    """Ask for all metrics again and again, as Prometheus would."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_EVERY_S):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def _measure(stacks: list[tuple[str, int]], pairs: int) -> None:
    compiled = penstock.compile(workloads.chain10)
    walls: list[float] = []
    cpus: list[float] = []
    for number in range(-1, pairs):  # the first pair only warms up
        taken: dict[str, tuple[float, float]] = {}
        for address, pid in stacks if number % 2 else reversed(stacks):
            async with AsyncClient(address) as client:
                before = cpu_s([pid])
                wall = await timed(lambda client=client: _many(client, compiled))
                taken[address] = wall, cpu_s([pid]) - before
        (wall, cpu), (wall_plain, cpu_plain) = (taken[address] for address, _ in stacks)
        if number >= 0:
            walls.append(wall / wall_plain)
            cpus.append(cpu / cpu_plain)
            rate = RUNS * ACTIONS_A_RUN / wall
            print(
                f"{rate:8.0f} actions/s with metrics, time {walls[-1]:.3f}, CPU {cpus[-1]:.3f} of without", flush=True
            )
    print(f"medians of {pairs} pairs: time {statistics.median(walls):.3f}, CPU {statistics.median(cpus):.3f}")


async def _many(client: AsyncClient, compiled: penstock.Compiled) -> None:
    async def one() -> None:
        assert await client.result(await client.submit(compiled)) == 1

    await asyncio.gather(*(one() for _ in range(RUNS)))


if __name__ == "__main__":
    main()
