"""Operators and types that several tests of the SDK use, as a user would write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from annotated_types import Ge
from penstock import Dataset, Metrics, operator
from pydantic import BaseModel, Field


class Row(NamedTuple):
    pixels: list[float]
    label: int


class Digits(Dataset[Row]):
    """A dataset of one's own."""


class Split(NamedTuple):
    train: list[int]
    test: list[int]


@dataclass
class Evaluation:
    metrics: Metrics
    worst: list[int] = field(default_factory=list[int])


@dataclass
class Config:
    rate: float
    rows: list[int]


class Settings(BaseModel):
    rate: float = Field(gt=0)
    rows: list[int]
    name: str = "plain"


@operator
def load(count: int = 3) -> list[int]:
    """Load rows.

    Args:
        count: How many.
    """
    return list(range(count))


@operator(cpu=2, memory="1Gi", retries=2, timeout_s=60, on_failure="cancel", labels={"zone": "a"})
def split(rows: list[int], share: Annotated[float, Ge(0)] = 0.5) -> Split:
    at = int(len(rows) * share)
    return Split(rows[:at], rows[at:])


@operator
def total(rows: list[int]) -> int:
    return sum(rows)


@operator
def add(a: int, b: int = 0) -> int:
    return a + b


@operator
def evaluate(rows: list[int]) -> Evaluation:
    return Evaluation(Metrics({"count": len(rows)}), rows[:1])


@operator
def fit(config: Config, settings: Settings) -> float:
    return config.rate * sum(config.rows) + settings.rate * sum(settings.rows)


@operator
def note(text: str) -> None:
    """Do nothing with a text."""
