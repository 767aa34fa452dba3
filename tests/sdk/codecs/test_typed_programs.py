"""Whole workflows over random types: what they return is what plain Python returns, in class and parts."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock import operator, testing, workflow

from .test_exactness import TYPES, Box, Doubled, same

NUMBERS = itertools.count()
# Each step: what it makes, and which two results it uses.
STEPS = st.lists(
    st.tuples(st.sampled_from(["keep", "pair", "list", "dict", "box", "both"]), st.integers(0, 50), st.integers(0, 50)),
    max_size=6,
)


def typed(body: Callable[..., Any], returns: Any, **arguments: Any) -> Any:
    """An operator with these annotations, and a name of its own."""
    body.__name__ = body.__qualname__ = f"made_{next(NUMBERS)}"
    body.__annotations__ = {**arguments, "return": returns}
    return operator(body)


def source(annotation: Any, value: Any) -> Any:
    def give() -> Any:
        return value

    return typed(give, annotation)


def step(kind: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Return the type of a step, and its operator of two values."""

    def keep(a: Any, b: Any) -> Any:
        return a

    def pair(a: Any, b: Any) -> Any:
        return (a, b)

    def items(a: Any, b: Any) -> Any:
        return [a, a]

    def named(a: Any, b: Any) -> Any:
        return {"first": a, "": a}

    def boxed(a: Any, b: Any) -> Any:
        return Box(a)

    made = {
        "keep": (left, keep),
        "pair": (tuple[left, right], pair),
        "list": (list[left], items),
        "dict": (dict[str, left], named),
        "box": (Box[left], boxed),
        "both": (tuple[left, tuple[right, ...]], lambda a, b: (a, (b, b))),
    }
    returns, body = made[kind]
    return returns, typed(body, returns, a=left, b=right)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_random_typed_workflow_returns_what_python_returns(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(TYPES.filter(lambda of: of[0] not in (None, type(None))), min_size=1, max_size=3))
    sources = [(annotation, source(annotation, data.draw(values))) for annotation, values in kinds]
    types = [annotation for annotation, _ in sources]
    steps: list[tuple[Any, int, int]] = []
    for kind, left, right in data.draw(STEPS):
        left, right = left % len(types), right % len(types)
        returns, made = step(kind, types[left], types[right])
        types.append(returns)
        steps.append((made, left, right))

    def flow() -> Any:
        results = [give() for _, give in sources]
        for made, left, right in steps:
            results.append(made(results[left], results[right]))
        return results[-1]

    flow.__annotations__ = {"return": types[-1]}
    program = workflow(flow)
    ran, plain = testing.run(program), program()
    assert same(ran, plain), (types[-1], ran, plain)


@pytest.mark.parametrize("value", [[], (), None, ["a"], ("a",)])
def test_a_union_with_a_sequence_comes_back_although_the_plan_spells_it_otherwise(value: Any) -> None:
    annotation = deque[float] | Sequence[str] | list[int] | None
    give = source(annotation, value)

    def flow() -> Any:
        return give()

    flow.__annotations__ = {"return": annotation}
    assert same(testing.run(workflow(flow)), value)


def test_a_constructor_that_changes_its_fields_runs_once() -> None:
    give = source(Doubled, Doubled(1))
    returns, keep = step("keep", Doubled, Doubled)

    def flow() -> Any:
        made = give()
        return keep(made, made)

    flow.__annotations__ = {"return": returns}
    assert same(testing.run(workflow(flow)), Doubled(1))
