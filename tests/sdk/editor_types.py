"""What editors and type checkers see of operators and workflows; `make lint` checks it, nothing runs it.

A mark on a wrong line is an error itself where the checker accepts the line.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, assert_type

from penstock import Client, Operator, Workflow, compile, operator, testing, with_options, workflow


class Parts(NamedTuple):
    train: list[int]
    test: list[int]


@operator
def total(rows: list[int], start: int = 0) -> int:
    return sum(rows, start)


@operator(gpu=1)
def largest(rows: list[int]) -> int:
    return max(rows)


@operator
class Load:
    count: int
    seeds: list[int] = field(default_factory=list[int])

    def run(self) -> list[int]:
        return list(range(self.count))


@operator(cpu=2)
@dataclass(frozen=True, kw_only=True)
class Split:
    share: float = 0.5

    def run(self, rows: list[int], *, shuffle: bool = False) -> Parts:
        return Parts(rows, rows)


@workflow
class Measure:
    count: int = 10

    def run(self, share: float) -> Parts:
        parts = Split(share=share).run(self.rows(), shuffle=True)
        assert_type(parts.train, list[int])
        return parts

    def rows(self) -> list[int]:
        return Load(self.count, seeds=[1]).run()


@workflow(name="Everything")
class Everything(Measure):
    extra: int = 1


@workflow
def flow(count: int) -> int:
    return total(Measure(count=count).run(0.5).train, start=largest([1]))


def fake_total(rows: list[int], start: int = 0) -> int:
    return 0


def fake_load(count: int, seeds: list[int]) -> list[int]:
    return seeds


def right(client: Client) -> None:
    assert_type(total([1], start=2), int)
    assert_type(total.options(retries=1)([1]), int)
    assert_type(Load(3), Load)
    assert_type(Load(3).count, int)
    assert_type(Load(count=3, seeds=[]).run(), list[int])
    assert_type(Everything(count=1, extra=2).run(0.1), Parts)
    assert_type(with_options(Load, gpu=1)(3).run(), list[int])
    assert_type(testing.run(Measure, share=0.1), Parts)
    assert_type(testing.run(flow, {total: fake_total, Load: fake_load}, count=3), int)
    compile(Measure)
    client.submit(Measure, share=0.1)
    declared: tuple[Operator[..., int], Workflow[..., int], type[Load]] = total, flow, Load
    print(declared)


def wrong() -> None:
    total("x")  # pyright: ignore[reportArgumentType]
    Load("x")  # pyright: ignore[reportArgumentType]
    Load()  # pyright: ignore[reportCallIssue]
    Load(3, cuont=2)  # pyright: ignore[reportCallIssue]
    Load(3).run(1)  # pyright: ignore[reportCallIssue]
    Split().run([1], shuffel=True)  # pyright: ignore[reportCallIssue]
    Measure().run()  # pyright: ignore[reportCallIssue]
    Everything(share=1)  # pyright: ignore[reportCallIssue]
    total.options(gpus=1)  # pyright: ignore[reportCallIssue]
    with_options(Load, gpus=1)  # pyright: ignore[reportCallIssue]
