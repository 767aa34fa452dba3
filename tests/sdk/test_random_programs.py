"""Programs made at random: their plan has the structure that was built, and running it gives what Python gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import penstock
from hypothesis import given
from hypothesis import strategies as st
from penstock import after, operator, testing, workflow
from penstock_plan import PlanGraph
from penstock_plan.check import validation

from tests.waiting import WAIT_S


@operator
def leaf(value: int) -> int:
    return value


@operator
def gather(values: list[int], named: dict[str, int], pair: tuple[int, int] | None = None, plus: int = 0) -> int:
    return (sum(values) + sum(named.values()) + sum(pair or ()) + plus) % 1000


# One step of a program: which results it uses, by lists, by names, as a pair, as a plain argument, and only waits for.
STEP = st.tuples(*[st.lists(st.integers(0, 100), max_size=3)] * 5)
PROGRAMS = st.lists(STEP, min_size=1, max_size=12)


def build(program: list[Any], start: int, parents: list[set[int]]) -> int:
    """Call operators as the program says; what each step depends on is added to `parents`."""
    results = [leaf(start)]
    parents.append(set())
    for lists, names, pairs, plain, waits in program:
        count = len(results)
        lists, names, pairs, plain, waits = (
            [each % count for each in part] for part in (lists, names, pairs, plain, waits)
        )
        pair = (results[pairs[0]], results[pairs[1]]) if len(pairs) > 1 else None
        used = {*lists, *names, *(pairs[:2] if pair else []), *plain[:1]}
        with after(*(results[each] for each in waits)):
            results.append(
                gather(
                    [results[each] for each in lists],
                    {f"n{each}": results[each] for each in names},
                    pair,
                    plus=results[plain[0]] if plain else 7,
                )
            )
        parents.append(used | set(waits))
    return results[-1]


@given(PROGRAMS)
def test_the_plan_has_the_structure_of_the_program(program: list[Any]) -> None:
    parents: list[set[int]] = []

    @workflow
    def made(start: int) -> int:
        return build(program, start, parents)

    compiled = penstock.compile(made, bundle_hash=b"")
    graph = PlanGraph.of(validation.load(compiled.data), compiled.hash)
    assert [set(each) for each in graph.parents] == parents
    for node, used in zip(compiled.plan.nodes, graph.value_parents, strict=True):
        assert not set(node.after) & set(used)  # an order that data gives is not written twice


@given(PROGRAMS, st.integers(0, 9))
def test_running_the_plan_gives_what_python_gives(program: list[Any], start: int) -> None:
    @workflow
    def made(start: int) -> int:
        return build(program, start, [])

    assert testing.run(made, start=start) == made(start)


@given(PROGRAMS)
def test_compiling_again_gives_the_same_bytes(program: list[Any]) -> None:
    @workflow
    def made(start: int) -> int:
        return build(program, start, [])

    assert penstock.compile(made, bundle_hash=b"").data == penstock.compile(made, bundle_hash=b"").data


PROGRAM = '''
"""A workflow with everything whose order could differ."""
from dataclasses import dataclass
from typing import Literal, NamedTuple
from penstock import after, barrier, operator, workflow

class Both(NamedTuple):
    left: set[str]
    right: int | str | None

@operator(labels={"zone": "a", "disk": "fast", "gpu": "none"})
def make(names: set[str], kind: Literal["x", "y", "z"] = "x") -> Both:
    return Both(names, 1)

@operator
def gather(parts: set[int], more: frozenset[str], named: dict[str, int]) -> int:
    return len(parts)

@operator
def one(number: int) -> int:
    return number

@workflow
def flow(names: set[str] = {"p", "q", "r", "s"}, count: int | str | None = None) -> dict[str, object]:
    """Do it."""
    both = make({"alpha", "beta", "gamma", "delta"})
    numbers = {one(1), one(2), one(3), 4, 5}
    with after(both, numbers):
        done = gather(numbers, frozenset({"k", "l", "m"}), {"b": one(6), "a": 7})
    with after(barrier(done, both)):
        make(names)
    return {"done": done, "left": both.left}

if __name__ == "__main__":
    import penstock, sys
    sys.stdout.write(penstock.compile(flow, bundle_hash=b"").hash.hex())
'''


def _hash_of(arguments: list[str], folder: Path, seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_hash_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    loaded = (
        "import sys, penstock; from penstock.compiler.loader import load_workflow; "
        "print(penstock.compile(load_workflow(sys.argv[1]), bundle_hash=b'').hash.hex())"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    hashes = {
        _hash_of(["program.py"], tmp_path, "0"),
        _hash_of(["program.py"], tmp_path, "1"),
        _hash_of(["-c", loaded, str(tmp_path / "program.py") + ":flow"], elsewhere, "2"),
        _hash_of(["-c", loaded, "../program.py"], elsewhere, "3"),
    }
    assert len(hashes) == 1 and len(hashes.pop()) == 64
