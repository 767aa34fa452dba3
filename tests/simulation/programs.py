"""Random plans with maps, branches, loops, child runs and ends, compiled as users' workflows are."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import penstock
from penstock import operator, workflow
from penstock.compiler.compilation import Compiled

PLAN_NODES_MAX = 40
DEPTH_MAX = 2
RUNS_DEEP_MAX = 2
RETRIES = (0, 0, 1, 3)


@operator
def parts(of: int) -> list[int]:
    return list(range(of))


@operator
def step(x: int, y: int = 1) -> int:
    return x + y


@operator
def total(xs: list[int]) -> int:
    return sum(xs)


@operator
def is_odd(x: int) -> bool:
    return x % 2 == 1


@operator
def tidy(name: str) -> None: ...


@operator
def report(name: str, x: int) -> None: ...


@operator
def colour(x: int) -> str:
    return "red" if x else "blue"


class Programs:
    """Workflows whose bodies the dice decide."""

    def __init__(self, dice: Random, *, waits: bool = False, children: bool = False, ends: bool = False) -> None:
        """`waits`, `children`: they may wait and start runs, outside of maps; `ends`: they have ends and limits."""
        self._dice = dice
        self._waits, self._children, self._ends = waits, children, ends
        self._names = 0
        self._maps = 0  # around what is drawn now
        self._runs = 0  # above the one that is drawn now

    def compiled(self) -> Compiled:
        """Draw one that decides something as it runs, and is not too large."""
        while True:
            compiled = penstock.compile(self._workflow(), bundle_hash=b"", local=True)
            plans = [compiled.plan, *(child.plan for child in compiled.children)]
            if sum(len(plan.nodes) for plan in plans) <= PLAN_NODES_MAX:
                return compiled

    def _workflow(self) -> Any:
        def program(x: int) -> int:
            first = self._with_options(step)(x) if self._ends else x
            found = self._control(first, DEPTH_MAX)
            for _ in range(self._dice.choice((0, 1, 2))):
                found = step(found, self._control(x, DEPTH_MAX))
            if self._ends and self._dice.random() < 0.7:
                self._end(first)
            return found

        program.__qualname__ = f"program{self._dice.randrange(1000)}"
        return workflow(program)

    def _end(self, first: int) -> None:
        """Let something be executed at the end, also by a result that may not be there."""
        with penstock.finally_():
            self._with_options(tidy)("a")
            self._with_options(report)("b", first)
        if self._dice.random() < 0.5:
            with penstock.on_failure():
                self._with_options(tidy)("c")

    def _child(self, x: int, depth: int) -> int:
        """Start a run of its own, which may start one, too."""
        around, self._runs = self._runs, self._runs + 1
        try:
            of_child = self._workflow()
            options = {"on_failure": self._dice.choice(("block", "continue", "cancel"))}
            return of_child.options(**options).start(self._some(x, 0))
        finally:
            self._runs = around

    def _some(self, x: int, depth: int) -> int:
        if depth == 0 or self._dice.random() < 0.4:
            return self._with_options(step)(x)
        return self._control(x, depth)

    def _control(self, x: int, depth: int) -> int:
        shapes: list[Callable[[int, int], int]] = [self._branch, self._cases, self._mapped, self._pipeline]
        shapes += [self._in_step, self._loop, self._chain]
        if self._waits and not self._maps:
            shapes += [self._wait, self._signal]
        if self._children and not self._maps and self._runs < RUNS_DEEP_MAX:
            shapes += [self._child] * 4
        return self._dice.choice(shapes)(x, depth - 1)

    def _wait(self, x: int, depth: int) -> int:
        with penstock.after(self._some(x, depth)):
            waited = penstock.sleep(self._dice.choice((0.0, 0.3, 5.0)))
        with penstock.after(waited):
            return self._some(x, depth)

    def _signal(self, x: int, depth: int) -> int:
        self._names += 1
        name, timeout_s = f"signal{self._names}", self._dice.choice((None, 0.5, 10.0))
        with penstock.after(self._some(x, 0)):
            if timeout_s is not None and self._dice.random() < 0.5:
                sent = penstock.signal(name, bool, timeout=timeout_s, otherwise=True)
            else:
                sent = penstock.signal(name, bool, timeout=timeout_s)
        return penstock.when(sent, lambda: self._some(x, depth), x)

    def _chain(self, x: int, depth: int) -> int:
        return self._some(self._control(x, depth + 1) if depth else self._some(x, 0), depth)

    def _branch(self, x: int, depth: int) -> int:
        condition = self._with_options(is_odd)(self._some(x, depth))
        otherwise: Any = x if self._dice.random() < 0.3 else lambda: self._some(x, depth)
        return penstock.when(condition, lambda: self._some(x, depth), otherwise)

    def _cases(self, x: int, depth: int) -> int:
        cases: dict[str, Any] = {"red": lambda: self._some(x, depth), "blue": lambda: self._some(x, 0)}
        return penstock.match(colour(x), cases, lambda: self._some(x, depth))

    def _mapped(self, x: int, depth: int) -> int:
        def of_item(item: int, outer: int) -> int:
            return self._some(self._some(item, depth), 0) if self._dice.random() < 0.5 else step(item, outer)

        outer, each = self._some(x, 0), parts(x)
        self._maps += 1
        try:
            limit = self._dice.choice((None, 1, 2)) if self._ends else None
            return total(workflow(of_item).map(each, outer=outer, concurrency=limit))
        finally:
            self._maps -= 1

    def _pipeline(self, x: int, depth: int) -> int:
        first = self._with_options(step).map(parts(x))
        second = self._with_options(step).map(first, y=x)
        return self._some(total(second), depth)

    def _in_step(self, x: int, depth: int) -> int:
        first = self._with_options(step).map(parts(self._some(x, depth)))
        return total(step.map(first, y=penstock.each(first)))

    def _loop(self, x: int, depth: int) -> int:
        return penstock.repeat(lambda state: self._some(state, depth), x, until=is_odd, rounds_max=2)

    def _with_options(self, called: Any) -> Any:
        dice = self._dice
        return called.options(
            on_failure=dice.choice(("block", "block", "continue", "cancel")),
            retries=dice.choice(RETRIES),
            retry_delay_s=dice.choice((0.0, 0.5, 3.0)),
            timeout_s=dice.choice((None, None, 5.0)),
            cpu=dice.choice((0.5, 1.0, 1.0, 2.0)),
        )
