"""All errors of this package."""

from collections.abc import Sequence

PROBLEMS_MAX = 100


class PlanError(Exception):
    """Base of everything that this package raises on purpose."""


class InvalidPlan(PlanError):
    """A plan that cannot be run; `problems` has everything that is wrong, at most `PROBLEMS_MAX` and a last line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("invalid plan:\n" + "\n".join(f"- {problem}" for problem in problems))
        self.problems = list(problems)
