"""How long an operator takes, learnt from its reports."""

import math

OPERATORS_MAX = 10_000  # remembered; beyond, the oldest are forgotten
OVERHEAD_S = 50e-6  # of a worker, around each operator
LONGEST_S = 366 * 86_400.0
GAIN_MEAN = 1 / 8
GAIN_DEVIATION = 1 / 4
DEVIATIONS = 3.0  # an estimate is this far above the mean


class Duration:
    """A smoothed mean and deviation of one operator's durations."""

    __slots__ = ("deviation_s", "expected_s", "mean_s")

    def __init__(self) -> None:
        self.mean_s: float = math.nan
        self.deviation_s: float = 0.0
        self.expected_s: float = math.inf  # a cautious estimate, with the worker's overhead; infinite while unknown

    def learn(self, duration_s: float) -> None:
        """Take one observed duration into account; a worker may say anything."""
        if not 0.0 <= duration_s <= LONGEST_S:
            duration_s = 0.0
        if self.mean_s == self.mean_s:
            error = duration_s - self.mean_s
            self.mean_s += GAIN_MEAN * error
            self.deviation_s += GAIN_DEVIATION * (abs(error) - self.deviation_s)
        else:
            self.mean_s, self.deviation_s = duration_s, duration_s / 2
        self.expected_s = OVERHEAD_S + self.mean_s + DEVIATIONS * self.deviation_s

    def at_least(self, duration_s: float) -> None:
        """Note that one execution has taken so long and has not ended."""
        if not self.expected_s >= duration_s:
            self.learn(duration_s)
            self.expected_s = max(self.expected_s, duration_s)


class Durations:
    """One `Duration` for each operator name, a bounded number of them."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[str, Duration] = {}

    def of(self, operator: str) -> Duration:
        """Return the operator's durations, unknown ones if it was never seen."""
        found = self._of.get(operator)
        if found is None:
            if len(self._of) >= OPERATORS_MAX:
                del self._of[next(iter(self._of))]
            found = self._of[operator] = Duration()
        return found
