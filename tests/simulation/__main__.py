"""python -m tests.simulation: many seeds, or one of them with its trace; or the seeds that catch deliberate bugs."""

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from .invariants import Violation
from .mutations import MUTATIONS, SEEDS, kept_seeds
from .world import World

SEEDS_DEFAULT = 500
FRESH_BELOW = 10**9
NEXT_SEEDS = 25  # that are tried where the kept one tells another story by now
# Sets of strings have an order that is drawn anew for each process, unless it is fixed.
HASH_SEED = "PYTHONHASHSEED"


def main() -> int:
    options = _parser().parse_args()
    if os.environ.get(HASH_SEED) != "0":
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], os.environ | {HASH_SEED: "0"}
        )
    if options.mutations is not None:
        return _mutations(
            options.mutations, range(options.seeds if options.search else NEXT_SEEDS), keep=options.search
        )
    if options.bug is not None:
        (bug,) = [mutation for mutation in MUTATIONS if mutation.name == options.bug]
        with bug.applied():
            return _run([options.seed or 0], bug.forced, trace=options.trace, keep_going=False)
    if options.seed is not None:
        return _run([options.seed], {}, trace=options.trace, keep_going=False)
    first = options.first
    if options.fresh:
        first = secrets.randbelow(FRESH_BELOW)
    return _run(range(first, first + options.seeds), {}, trace=options.trace, keep_going=options.keep_going)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help="number of seeds")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed")
    parser.add_argument("--fresh", action="store_true", help="begin at a random seed")
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--trace", action="store_true", help="print every step")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--with", dest="bug", metavar="NAME", help="with this deliberate bug, and its faults")
    parser.add_argument("--mutations", nargs="*", metavar="NAME", help="check that each kept seed catches its bug")
    parser.add_argument(
        "--search", action="store_true", help="keep new seeds for bugs that theirs do not catch; tries --seeds"
    )
    return parser


def _run(seeds: range | list[int], forced: Mapping[str, Any], *, trace: bool, keep_going: bool) -> int:
    print(f"seeds {seeds[0]} to {seeds[-1]}", flush=True)
    since, steps, run, failed = time.monotonic(), 0, 0, 0
    for seed in seeds:
        run += 1
        world = World(seed, trace=trace, forced=forced)
        try:
            world.run()
        except Violation as violation:
            failed += 1
            print(f"seed {seed}: {violation}", flush=True)
            if not keep_going:
                break
        else:
            if trace:
                print("\n".join(world.trace))
        steps += world.steps
    took_s = time.monotonic() - since
    print(f"{run - failed} of {run} seeds hold; {steps:,} steps in {took_s:.1f} s")
    return 1 if failed else 0


def _mutations(names: Iterable[str], others: range, *, keep: bool) -> int:
    """Say of each deliberate bug which seed caught it and how."""
    kept, missed = kept_seeds(), 0
    wanted = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    for mutation in wanted:
        seed = kept.get(mutation.name)
        caught = mutation.caught_by([] if seed is None else [seed])
        if caught is None:
            caught = mutation.caught_by(others)
            if caught is not None and keep:
                _keep(mutation.name, caught[0])
        missed += caught is None
        how = f"seed {caught[0]}: {caught[1]}" if caught is not None else f"NOT CAUGHT by seed {seed}"
        print(f"{mutation.name}: {how}"[:300].replace("\n", " "), flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} deliberate bugs are caught")
    return 1 if missed else 0


def _keep(name: str, seed: int) -> None:
    kept = kept_seeds() | {name: seed}
    in_order = {mutation.name: kept[mutation.name] for mutation in MUTATIONS if mutation.name in kept}
    SEEDS.write_text(json.dumps(in_order, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
