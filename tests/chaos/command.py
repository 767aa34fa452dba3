"""The command: break a real deployment again and again while runs go on, then check what must hold."""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.simulation.invariants import Violation

from .faults import FAULTS
from .figures import table
from .rounds import CALM_RUNS, Chaos, Report
from .suite import fresh_folder, running


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="begin no other fault after so long")
    length.add_argument("--rounds", type=int, default=1, help="how often each fault strikes")
    parser.add_argument("--fault", action="append", choices=FAULTS, metavar="NAME", help="this one only; repeatable")
    parser.add_argument("--seed", type=int, default=None, help="of the faults' order, victims and durations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--calm-runs", type=int, default=CALM_RUNS, help="that end before the first fault")
    parser.add_argument("--keep", action="store_true", help="keep data and logs; they are kept after a violation")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    options = parser.parse_args()
    if options.list:
        print("\n".join(FAULTS))
        return 0
    seed = random.randrange(10**6) if options.seed is None else options.seed
    rounds = None if options.minutes is not None else options.rounds
    with fresh_folder(keep=options.keep) as folder:
        _say(f"seed {seed}; data and logs in {folder}")
        try:
            with running(folder) as suite:
                report = Chaos(suite, seed, _say, options.calm_runs).run(
                    options.fault or list(FAULTS), rounds=rounds, minutes=options.minutes
                )
        except Violation as violation:
            _say(f"seed {seed}: VIOLATION: {violation}")
            return 1
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=1))
    return 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _print(report: Report) -> None:
    print(table(report.faults))
    print()
    print(table([asdict(report.checked)]))
    print()
    print(table([report.runs]))
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(report.heard.items())) or "nothing"
    print(f"\nseed {report.seed}, {report.minutes} minutes; clients were told to ask again by: {told}")
    print("every invariant holds")
