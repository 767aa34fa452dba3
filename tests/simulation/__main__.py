"""python -m tests.simulation: many seeds, or one of them with its trace."""

import argparse
import sys
import time

from .invariants import Violation
from .world import World

SEEDS_DEFAULT = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="print every step")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    since, steps, failed = time.monotonic(), 0, 0
    for seed in seeds:
        world = World(seed, trace=options.trace)
        try:
            world.run()
        except Violation as violation:
            failed += 1
            print(f"seed {seed}: {violation}", flush=True)
            if not options.keep_going:
                return 1
        else:
            if options.trace:
                print("\n".join(world.trace))
        steps += world.steps
    took_s = time.monotonic() - since
    print(f"{len(seeds) - failed} of {len(seeds)} seeds hold; {steps:,} steps in {took_s:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
