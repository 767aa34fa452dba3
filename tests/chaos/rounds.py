"""One fault after the other while runs go on: in rounds, each with every fault once, in an order of a seed's."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from penstock_stack.errors import StackError

from tests.simulation.invariants import Violation

from .checker import Verdict, check
from .faults import FAULTS
from .figures import FaultFigures, Struck, by_fault, of_runs, recorded
from .load import Load
from .marks import demand_gone
from .scarcity import Impossible
from .suite import Suite

CLIENTS: Final = 6
PAUSE_S: Final = 0.02
# Runs that end before the first fault, to compare with.
CALM_RUNS: Final = 30
CALM_RUNS_S_MAX: Final = 300.0
# Between faults.
CALM_S_MAX: Final = 2.0
# I3: no run is stuck for longer, once a fault is over. Two leases, the longest back-off, and 30 s on a busy machine.
STUCK_S_MAX: Final = 60.0
POLL_S: Final = 0.05


@dataclass
class Report:
    """What was done, what it cost, and what was looked at."""

    seed: int
    minutes: float
    faults: list[FaultFigures]
    runs: dict[str, float]
    heard: dict[str, int]
    checked: Verdict

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Chaos:
    """Strikes a running suite.

    Args:
        say: Told of each fault, for people who wait.
    """

    suite: Suite
    seed: int
    say: Callable[[str], None]
    calm_runs: int = CALM_RUNS
    struck: list[Struck] = field(default_factory=list[Struck])

    def run(self, faults: Sequence[str], *, rounds: int | None, minutes: float | None) -> Report:
        """Strike until so many rounds are done or minutes are over; check all; raise Violation."""
        since = time.monotonic()
        addresses = self.suite.topology.addresses("state-tracker")
        background = self.suite.background
        load = Load(background, addresses, self.suite.effects, clients=CLIENTS, pause_s=PAUSE_S, seed=self.seed)
        load.start()
        try:
            begun = "runs end before any fault"
            self._wait(load, lambda: len(load.journal.runs) >= self.calm_runs, begun, CALM_RUNS_S_MAX)
            dice = random.Random(self.seed)
            for fault in _order(faults, dice, rounds):
                if minutes is not None and time.monotonic() - since > minutes * 60:
                    break
                self._strike(fault, dice, load)
            load.finish()
            self._wait(load, lambda: load.finished, "all runs end")
            load.demand_truth()
        finally:
            load.close()
        journal = load.journal
        verdict = background.call(check(self.suite.deployment, journal.submitted, journal.cancelled))
        lines = by_fault(self.struck, background.call(recorded(self.suite.topology.dsn)))
        took = round((time.monotonic() - since) / 60, 1)
        runs = of_runs(journal, self.struck[0].began_at if self.struck else time.time())
        return Report(self.seed, took, lines, runs, dict(journal.heard), verdict)

    def _strike(self, fault: str, dice: random.Random, load: Load) -> None:
        time.sleep(dice.uniform(0, CALM_S_MAX))
        one = Struck(fault, time.time())
        try:
            FAULTS[fault](self.suite, dice)
        except Impossible as error:
            self.say(f"{fault}: left out: {error}")
            return
        except StackError as error:
            raise Violation(f"after '{fault}': {error}") from error
        one.over_at = time.time()
        waiting = set(load.journal.open)
        self._wait(load, lambda: waiting.isdisjoint(load.journal.open), f"all runs end after '{fault}'")
        one.recovered_at = time.time()
        self.struck.append(one)
        self.suite.demand_alive()
        # I13: nothing that an operator started outlives its run
        demand_gone(self.suite.marks, lambda _, mark: mark not in load.journal.marks, f"after '{fault}'")
        self.say(
            f"{fault}: over after {one.over_at - one.began_at:.1f} s, "
            f"all {len(waiting)} open runs ended after {one.recovered_at - one.began_at:.1f} s"
        )

    def _wait(self, load: Load, reached: Callable[[], bool], what: str, at_most_s: float = STUCK_S_MAX) -> None:
        deadline = time.monotonic() + at_most_s
        while not reached():
            load.demand_truth()
            if time.monotonic() > deadline:
                stuck = ", ".join(f"{run_id.hex()} ({key})" for run_id, key in load.journal.open.items())
                raise Violation(f"not within {at_most_s:.0f} s: {what}; open: {stuck}")
            time.sleep(POLL_S)


def _order(faults: Sequence[str], dice: random.Random, rounds: int | None) -> Iterator[str]:
    done = 0
    while rounds is None or done < rounds:
        yield from dice.sample(faults, len(faults))
        done += 1
