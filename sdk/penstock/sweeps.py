"""Sweeps: a workflow or an operator is called for many points of a space of inputs, and the best one is found.

    @workflow
    def tuned(seed: int = 0) -> sweeps.Sweep:
        space = {"rate": sweeps.log_uniform(1e-4, 1e-1), "depth": sweeps.choice(2, 4, 8)}
        return sweeps.random(train, space, count=20, seed=seed)

Points are chosen by operators, and what is called for them is mapped: each point is an item that people see. Outside
of a compilation all of it is ordinary Python. See docs/sweeps.md.
"""

from __future__ import annotations

import itertools
import math
import random as dice
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from .declare.annotations import unwrap
from .declare.control import each, repeat
from .declare.operators import Operator, operator
from .declare.signatures import MISSING
from .declare.static import plain
from .declare.workflows import Workflow
from .errors import InvalidDeclaration

Scalar = int | float | str | bool
Point = dict[str, Scalar]
Goal = Literal["minimize", "maximize"]
Space = Mapping[str, "Axis"]
SCORE: Final = "score"
ROUND: Final = "round"
RESERVED: Final = frozenset({SCORE, ROUND})
POINTS_MAX: Final = 100_000


@dataclass(frozen=True)
class Axis:
    """What values an input may have; made by `choice`, `uniform`, `log_uniform` and `integers`."""

    kind: Literal["choice", "uniform", "log_uniform", "integers"]
    values: list[Scalar] = field(default_factory=list[Scalar])
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        best: The point with the best score.
        score: That score.
        table: A row for each point with its score, the best one first.
    """

    best: Point
    score: float
    table: list[Point]


def choice(*values: Scalar) -> Axis:
    """One of these values."""
    if not values or not all(isinstance(value, Scalar) for value in values):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"choice takes numbers, texts and bools, at least one, not {values!r:.100}")
    return Axis("choice", list(values))


def uniform(low: float, high: float) -> Axis:
    """A number between two others."""
    return Axis("uniform", low=_bound(low, high), high=high)


def log_uniform(low: float, high: float) -> Axis:
    """A number above 0 between two others, whose order of magnitude is as likely as any other."""
    if not low > 0:
        raise InvalidDeclaration(f"log_uniform takes numbers above 0, not {low!r}")
    return Axis("log_uniform", low=_bound(low, high), high=high)


def integers(low: int, high: int) -> Axis:
    """A whole number from `low` to `high`, both included."""
    if not (isinstance(low, int) and isinstance(high, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"integers takes whole numbers, not {low!r} and {high!r}")
    return Axis("integers", low=_bound(low, high), high=high)


def grid(
    objective: Operator[..., Any] | Workflow[..., Any],
    space: Space,
    *,
    goal: Goal = "minimize",
    output: str = "",
    **fixed: Any,
) -> Sweep:
    """Call the objective for each combination of the values of all axes, which must be `choice` or `integers`.

    Args:
        objective: Returns a number; its other inputs are `fixed`.
        output: Which of its outputs is the number, if it has several.

    Raises:
        InvalidDeclaration: The space is not one of the objective's inputs.
    """
    _check(objective, space)
    for name, axis in space.items():
        if axis.kind not in ("choice", "integers"):
            raise InvalidDeclaration(f"{name} has no end of values for a grid: use choice or integers, or random")
    count = math.prod(len(_all_of(axis)) for axis in space.values())
    if count > POINTS_MAX:
        raise InvalidDeclaration(f"the grid has {count:,} points; the limit is {POINTS_MAX:,}: use random")
    return rank(_tried(objective, space, grid_points(dict(space)), output, fixed), goal)


def random(
    objective: Operator[..., Any] | Workflow[..., Any],
    space: Space,
    *,
    count: int,
    seed: int = 0,
    goal: Goal = "minimize",
    output: str = "",
    **fixed: Any,
) -> Sweep:
    """Call the objective for `count` points at random; the same seed gives the same points. See `grid`.

    `count` and `seed` may be inputs of the run.
    """
    _check(objective, space)
    return rank(_tried(objective, space, random_points(dict(space), count, seed), output, fixed), goal)


def search(
    objective: Operator[..., Any] | Workflow[..., Any],
    space: Space,
    *,
    rounds_max: int,
    parallel: int = 4,
    patience: int = 5,
    target: float | None = None,
    seed: int = 0,
    goal: Goal = "minimize",
    output: str = "",
    **fixed: Any,
) -> Sweep:
    """Let Optuna choose points, round by round, by what came of those before; it must be installed on the workers.

    Args:
        rounds_max: At most 50.
        parallel: Points of a round, which are tried at the same time.
        patience: The search ends after so many rounds that found nothing better.
        target: The search ends once a score is at least that good.
    """
    _check(objective, space)
    axes = dict(space)

    def body(tried: list[Point]) -> list[Point]:
        points = suggest(axes, tried, parallel, seed, goal)
        return joined(tried, _tried(objective, space, points, output, fixed))

    def is_enough(tried: list[Point]) -> bool:
        return is_over(tried, patience, target, goal)

    return rank(repeat(body, [], until=is_enough, rounds_max=rounds_max), goal)


@operator(name="points", cpu=0.1)
def grid_points(space: dict[str, Axis]) -> list[Point]:
    """Return all combinations, those of the last axis next to each other."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*map(_all_of, space.values()))]


@operator(name="points", cpu=0.1)
def random_points(space: dict[str, Axis], count: int, seed: int) -> list[Point]:
    """Return points at random."""
    if not 0 < count <= POINTS_MAX:
        raise ValueError(f"count is {count}; expected 1 to {POINTS_MAX:,}")
    generator = dice.Random(seed)
    return [{name: _drawn(axis, generator) for name, axis in space.items()} for _ in range(count)]


@operator(name="suggest")
def suggest(space: dict[str, Axis], tried: list[Point], count: int, seed: int, goal: Goal) -> list[Point]:
    """Return the points that Optuna would try next."""
    import optuna  # pyright: ignore[reportMissingImports]

    tools: Any = optuna
    tools.logging.set_verbosity(tools.logging.WARNING)
    sampler = tools.samplers.TPESampler(seed=seed + len(tried), constant_liar=True)
    study = tools.create_study(direction=goal, sampler=sampler)
    axes = {name: _distribution(axis, tools.distributions) for name, axis in space.items()}
    for row in tried:
        if math.isfinite(score := _score(row)):
            params = {name: row[name] for name in space}
            study.add_trial(tools.trial.create_trial(params=params, distributions=axes, value=score))
    return [dict(study.ask(axes).params) for _ in range(count)]


@operator(name="point", cpu=0.1)
def point_of(point: Point) -> Point:
    """Return the point: what follows in its map goes on item by item."""
    return point


@operator(name="value", cpu=0.1)
def float_of(point: Point, name: str) -> float:
    return float(point[name])


@operator(name="value", cpu=0.1)
def int_of(point: Point, name: str) -> int:
    value = point[name]
    if int(value) != value:
        raise ValueError(f"{name} is {value}; expected a whole number")
    return int(value)


@operator(name="value", cpu=0.1)
def text_of(point: Point, name: str) -> str:
    return str(point[name])


@operator(name="value", cpu=0.1)
def is_chosen(point: Point, name: str) -> bool:
    return bool(point[name])


@operator(name="row", cpu=0.1)
def row_of(point: Point, score: float) -> Point:
    """Return a row of the table."""
    return {**point, SCORE: float(score)}


@operator(name="tried", cpu=0.1)
def joined(tried: list[Point], rows: list[Point]) -> list[Point]:
    """Add the rows of another round."""
    number = 1 + max((int(row[ROUND]) for row in tried), default=0)
    return [*tried, *({**row, ROUND: number} for row in rows)]


@operator(name="is_over", cpu=0.1)
def is_over(tried: list[Point], patience: int, target: float | None, goal: Goal) -> bool:
    """Return whether a search found what it looks for, or finds nothing better any more."""
    best = min(tried, key=lambda row: _key(_score(row), goal), default=None)
    if best is None or math.isnan(_score(best)):
        return len({row[ROUND] for row in tried}) >= patience
    reached = target is not None and _key(_score(best), goal) <= _key(target, goal)
    return reached or max(int(row[ROUND]) for row in tried) - int(best[ROUND]) >= patience


@operator(name="rank", cpu=0.1)
def rank(rows: list[Point], goal: Goal) -> Sweep:
    """Return the table of all points, the best one first, and that one."""
    ordered = sorted(rows, key=lambda row: _key(_score(row), goal))
    if not ordered or math.isnan(_score(ordered[0])):
        raise ValueError(f"none of {len(rows)} points has a score that is a number")
    best = {name: value for name, value in ordered[0].items() if name not in RESERVED}
    return Sweep(best, _score(ordered[0]), ordered)


# By what an input is declared as.
_TAKERS: Final[dict[Any, Operator[..., Any]]] = {float: float_of, int: int_of, str: text_of, bool: is_chosen}


def _tried(
    objective: Operator[..., Any] | Workflow[..., Any],
    space: Space,
    points: list[Point],
    output: str,
    fixed: Mapping[str, Any],
) -> list[Point]:
    """Call the objective for each point: one map, in which each point goes on by itself."""
    chosen = point_of.map(points)
    columns = {name: each(_TAKERS[_declared(objective, name)].map(chosen, name=name)) for name in space}
    result = cast("Any", objective).map(**columns, **fixed)
    if output:
        result = cast("Any", result)[output] if isinstance(result, dict) else getattr(result, output)
    return row_of.map(chosen, result)


def _check(objective: object, space: Space) -> None:
    """Raise InvalidDeclaration unless each axis is of an input that is a number, a text or a bool."""
    if not isinstance(objective, Operator | Workflow):
        raise InvalidDeclaration(f"a sweep calls an operator or a workflow, not {objective!r:.100}")
    if not space:
        raise InvalidDeclaration("the space has no axes: name at least one input")
    for name, axis in space.items():
        if not isinstance(axis, Axis):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidDeclaration(f"{name} is {axis!r:.80}; expected choice, uniform, log_uniform or integers")
        if name in RESERVED:
            raise InvalidDeclaration(f"an axis cannot be called {name!r}, which is a column of the table")
        declared = _declared(objective, name)
        if declared not in _TAKERS:
            raise InvalidDeclaration(
                f"{name} of {objective.name} is {getattr(declared, '__name__', declared)}; expected int, float, str or "
                "bool: make the object from such inputs in the objective"
            )
        _check_values(objective.name, name, axis, declared)


def _check_values(objective: str, name: str, axis: Axis, declared: type) -> None:
    """Raise InvalidDeclaration if values of an axis are none of the input's."""
    accepted = {float: (int, float), int: (int,), str: (str,), bool: (bool,)}[declared]
    if axis.kind == "choice":
        wrong = [value for value in axis.values if type(value) not in accepted]
        text = ", ".join(map(repr, wrong))
    else:
        text = axis.kind if declared in (str, bool) or (declared is int and axis.kind != "integers") else ""
    if text:
        raise InvalidDeclaration(f"{name} of {objective} is {declared.__name__}, which is never {text}")


def _declared(objective: Any, name: str) -> Any:
    """Return the class that an input is declared as."""
    parameter = objective.signature.parameters.get(name)
    if parameter is None:
        known = ", ".join(objective.signature.parameters) or "none"
        raise InvalidDeclaration(f"{objective.name} has no input {name!r}; the inputs are {known}")
    return float if parameter.annotation is MISSING else unwrap(plain(parameter.annotation))[0]


def _all_of(axis: Axis) -> Sequence[Scalar]:
    return axis.values if axis.kind == "choice" else range(int(axis.low), int(axis.high) + 1)


def _drawn(axis: Axis, generator: dice.Random) -> Scalar:
    match axis.kind:
        case "choice":
            return generator.choice(axis.values)
        case "integers":
            return generator.randint(int(axis.low), int(axis.high))
        case "uniform":
            return generator.uniform(axis.low, axis.high)
        case "log_uniform":
            return math.exp(generator.uniform(math.log(axis.low), math.log(axis.high)))


def _distribution(axis: Axis, kinds: Any) -> Any:
    match axis.kind:
        case "choice":
            return kinds.CategoricalDistribution(axis.values)
        case "integers":
            return kinds.IntDistribution(int(axis.low), int(axis.high))
        case _:
            return kinds.FloatDistribution(axis.low, axis.high, log=axis.kind == "log_uniform")


def _score(row: Point) -> float:
    return float(row[SCORE])


def _key(score: float, goal: Goal) -> float:
    """Return what is smaller for a better score; one that is no number is worse than any other."""
    return math.inf if math.isnan(score) else score if goal == "minimize" else -score


def _bound(low: float, high: float) -> float:
    if not -math.inf < low < high < math.inf:
        raise InvalidDeclaration(f"expected two numbers, the lower one first, not {low!r} and {high!r}")
    return low
