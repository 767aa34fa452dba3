"""A stack that ends with the command that started it: `python -m penstock_stack --data DIR --attended`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .up import run_attended, up


def main() -> int:
    parser = argparse.ArgumentParser(prog="penstock_stack", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shards", type=int)
    parser.add_argument("--attended", action="store_true", help="Stop when stdin ends.")
    parser.add_argument("--no-workers", action="store_true")
    given = parser.parse_args()
    if given.attended:
        return run_attended(given.data, workers=not given.no_workers, shards=given.shards)
    return up(given.data, port=given.port, workers=not given.no_workers, shards=given.shards)


if __name__ == "__main__":
    sys.exit(main())
