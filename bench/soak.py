"""`make soak`: many actions through one stack, and what each process holds meanwhile. Flat is: it does not grow.

`python -m bench.soak [--actions N] [--kafka] [--json FILE]`. Memory is what a process has for itself.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import penstock
import psutil
from penstock import AsyncClient

from . import stack, workloads
from .measuring import processes

ACTIONS = 900_000
RUNS_A_ROUND = 500
ACTIONS_A_RUN = 10
SAMPLE_EVERY = 10_000
SAMPLES_SHOWN = 12
# Of the samples: meanwhile two caches of 64 MiB fill, the State Tracker's of events and the Action Service's of values,
# and the tables that hold them have reached their sizes: the window begins at 600,000 actions.
WARM_PART = 2 / 3

Sample = tuple[int, dict[str, float]]  # actions so far, KiB by process


async def soak(running: stack.Running, actions: int) -> list[Sample]:
    """Run the actions; return what the processes held after each part of them."""
    samples: list[Sample] = []
    compiled = penstock.compile(workloads.chain10)
    async with AsyncClient(running.address) as client:

        async def run() -> None:
            assert await client.result(await client.submit(compiled)) == 1

        done, began = 0, perf_counter()
        while done < actions:
            await asyncio.gather(*(run() for _ in range(RUNS_A_ROUND)))
            done += RUNS_A_ROUND * ACTIONS_A_RUN
            if done % SAMPLE_EVERY == 0:
                samples.append((done, held_kib([*running.pids, os.getpid()])))
                rate = done / (perf_counter() - began)
                print(f"  {done:,} actions, {rate:,.0f} a second", file=sys.stderr, flush=True)
    return samples


def held_kib(pids: list[int]) -> dict[str, float]:
    """Return the memory of these processes and their children that is neither shared nor of files, by what they are."""
    held: dict[str, float] = {}
    for process in processes(pids):
        try:
            info: Any = process.memory_info()
            kib = (info.rss - getattr(info, "shared", 0)) / 1024
            name = "client" if process.pid == os.getpid() else _name(process.cmdline())
        except psutil.Error:
            continue
        held[name] = held.get(name, 0.0) + kib
    return held


def _name(command: list[str]) -> str:
    """Say what a process is, by its command line."""
    words = " ".join(command[:6])
    if "penstock_executors" in words:
        return "operators"
    for name in ("java", "postgres"):
        if name in words.split(" ")[0]:
            return name
    scripts = [Path(word).name for word in command[:3] if "penstock" in Path(word).name]
    return " ".join([*scripts[:1], *[word for word in command[2:3] if word.isalpha()]]) or "others"


def slopes(samples: list[Sample]) -> dict[str, float]:
    """Return by how many KiB each process grows in 1,000 actions: least squares, once caches are full."""
    settled = samples[round(len(samples) * WARM_PART) :]
    names = {name for _, held in settled for name in held}
    return {name: _slope([(done / 1000, held.get(name, 0.0)) for done, held in settled]) for name in sorted(names)}


def _slope(points: list[tuple[float, float]]) -> float:
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0


def render(samples: list[Sample]) -> str:
    """Return a Markdown table: MiB by process over time, and the slopes below."""
    grown = slopes(samples)
    lines = ["| actions | " + " | ".join(grown) + " |", "|---:|" + "---:|" * len(grown)]
    for done, held in samples[:: max(1, len(samples) // SAMPLES_SHOWN)]:
        lines.append(f"| {done:,} | " + " | ".join(f"{held.get(name, 0) / 1024:.1f} MiB" for name in grown) + " |")
    lines.append("| KiB in 1,000 | " + " | ".join(f"{slope:+.1f}" for slope in grown.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--kafka", action="store_true", help="separate processes that talk through a real Kafka")
    parser.add_argument("--json", type=Path, help="also write the slopes to this file")
    chosen = parser.parse_args()
    with stack.running(kafka=chosen.kafka) as running:
        samples = asyncio.run(soak(running, chosen.actions))
    print(render(samples))
    if chosen.json:
        figures = {f"soak_{name}_kib_per_1000_actions": slope for name, slope in slopes(samples).items()}
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
