"""Operators and workflows as classes, as a user would write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from penstock import operator, workflow

from tests.sdk.programs import Split


class Summary(NamedTuple):
    mean: float
    largest: float


@operator
class Load:
    """Load rows.

    Attributes:
        count: How many.
    """

    count: int = 3

    def run(self) -> list[int]:
        return list(range(self.count))


@operator(cpu=2, retries=1, labels={"zone": "a"})
class Scale:
    """Multiply rows."""

    FLOOR: ClassVar[int] = 0

    factor: int
    offsets: list[int] = field(default_factory=list[int])

    def run(self, rows: list[int], limit: int = 100) -> list[int]:
        return [min(self.scaled(row), limit) for row in rows]

    def scaled(self, row: int) -> int:
        return max(row * self.factor + sum(self.offsets), self.FLOOR)


@operator(gpu=1)
class BigScale(Scale):
    """Multiply rows, and then double them."""

    def run(self, rows: list[int], limit: int = 100) -> list[int]:
        return [row * 2 for row in super().run(rows, limit)]


@operator
@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"a share is from 0 to 1, not {self.share}")

    def run(self, rows: list[int]) -> Split:
        at = int(len(rows) * self.share)
        return Split(rows[:at], rows[at:])


@operator
class Summarise:
    rows: list[int]

    def run(self) -> Summary:
        return Summary(sum(self.rows) / len(self.rows), float(max(self.rows)))


@workflow
class Pipeline:
    """Load, scale, cut and summarise.

    Attributes:
        count: How many rows.
    """

    count: int = 4
    factor: int = 2

    def run(self, share: float = 0.5) -> Summary:
        """Summarise the test part.

        Args:
            share: How many of them are for training.
        """
        return Summarise(self.parts(share).test).run()

    def parts(self, share: float) -> Split:
        return Cut(share=share).run(self.rows())

    def rows(self) -> list[int]:
        return Scale(self.factor).run(Load(self.count).run())


@workflow(name="Doubled pipeline")
class DoubledPipeline(Pipeline):
    def rows(self) -> list[int]:
        return BigScale(self.factor, offsets=[1]).run(Load(self.count).run())

    def run(self, share: float = 0.25) -> Summary:
        return super().run(share)


@workflow
def outer(count: int = 2) -> float:
    return Pipeline(count=count).run(0.0).mean
