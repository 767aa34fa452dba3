"""A workflow and operators that are classes, run by tests/system/test_classes.py."""

from typing import NamedTuple

from penstock import operator, workflow


class Extremes(NamedTuple):
    best: int
    worst: int


@operator
class Score:
    """Score rows."""

    rows: list[int]
    power: int = 2

    def run(self, weight: int = 1) -> list[int]:
        return [weight * self.scored(row) for row in self.rows]

    def scored(self, row: int) -> int:
        return row**self.power


@operator
class Extreme:
    def run(self, scores: list[int]) -> Extremes:
        return Extremes(max(scores), min(scores))


@workflow
class Scores:
    """The best and the worst.

    Attributes:
        count: How many rows to score.
    """

    count: int

    def run(self, power: int = 2) -> Extremes:
        return Extreme().run(Score(rows(self.count), power).run(weight=2))


@operator
def rows(count: int) -> list[int]:
    return list(range(count))
