"""The workflows that are measured: the same shapes that the peers were measured with."""

import time

import penstock
from penstock import operator, workflow


def _fib(n: int) -> int:
    return n if n < 2 else _fib(n - 1) + _fib(n - 2)


@operator(memory=0)
def noop(x: int) -> int:
    """Return what it was given."""
    return x


@operator(memory=0)
def fib(n: int, after: float = 0.0) -> float:
    """Return the seconds that a naive Fibonacci took."""
    began = time.perf_counter()
    _fib(n)
    return time.perf_counter() - began


@operator(memory=0)
def total(values: list[int]) -> int:
    """Return the sum."""
    return sum(values)


@operator(memory=0)
def seconds(values: list[float]) -> float:
    """Return the sum."""
    return sum(values)


@workflow
def chain40() -> float:
    """Forty small tasks in a row."""
    done = fib(10)
    for _ in range(39):
        done = fib(10, done)
    return done


@workflow
def chain10(x: int = 1) -> int:
    """Ten no-op tasks in a row."""
    for _ in range(10):
        x = noop(x)
    return x


@workflow
def fib33x10() -> float:
    """Ten tasks of half a second in a row; the seconds spent inside them."""
    done = [fib(33)]
    for _ in range(9):
        done.append(fib(33, done[-1]))
    return seconds(done)


@workflow
def fanout1000() -> int:
    """A thousand no-op tasks in parallel, and a join."""
    return total([noop(1) for _ in range(1000)])


@workflow
def dag6(x: int = 1) -> int:
    """load -> split -> train -> (evaluate, predict) -> report, all no-op."""
    trained = noop(noop(noop(x)))
    return total([noop(trained), noop(trained)])


@operator(memory=0)
def numbers(count: int) -> list[int]:
    """Return that many numbers."""
    return list(range(count))


@workflow
def mapped(count: int) -> int:
    """A map over a list that the run makes, and a join."""
    return total(noop.map(numbers(count)))


@workflow
def mapped_twice(count: int) -> int:
    """Two maps, one after the other item by item, and a join."""
    return total(noop.map(noop.map(numbers(count))))


@workflow
def waiting() -> None:
    """A wait that outlasts the bench."""
    penstock.sleep(86_400)


WORKFLOWS = ("chain40", "chain10", "fib33x10", "fanout1000", "dag6", "mapped", "mapped_twice", "waiting")
