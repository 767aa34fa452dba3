"""`make bench`: the measured table. Real Postgres with fsync on, worker processes apart, everything on this machine."""

import argparse
import asyncio
import json
import platform
import sys
from pathlib import Path

from . import alone, items, stack, stages, table
from .suite import measure


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write one flat JSON object to this file")
    parser.add_argument("--kafka", action="store_true", help="separate processes that talk through a real Kafka")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    chosen = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}", file=sys.stderr)
    figures: dict[str, float] = {}
    with stack.running(kafka=chosen.kafka) as running:
        figures.update(asyncio.run(measure(running, quick=chosen.quick)))
    figures.update(alone.check_10k_nodes())
    figures.update(alone.bytes_per_open_node())
    figures.update(items.bytes_per_open_item())
    figures.update(asyncio.run(alone.postgres_append()))
    if not chosen.kafka:
        figures.update(asyncio.run(stages.measure()))
    print(table.render(figures, kafka=chosen.kafka))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
