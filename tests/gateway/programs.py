"""Workflows that the tests of the gateway run, compiled and stored once."""

from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from penstock import Client
from penstock.client import Run
from penstock.compiler.loader import load_workflow

from tests.waiting import WAIT_S, wait_for

PROGRAM = '''
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import penstock
from penstock import approval, operator, workflow


@operator(cpu=0.1, memory=0)
def double(n: int) -> int:
    print(f"doubling {n}")
    print("ü" * 3)
    return 2 * n


@operator(cpu=0.1, memory=0)
def repeat(n: int) -> bytes:
    return bytes(range(256)) * n


@operator(cpu=0.1, memory=0)
def hold(gate: str, n: int) -> int:
    while not (Path(gate) / "open").exists():
        time.sleep(0.02)
    return n


@operator(cpu=0.1, memory=0)
def fail(n: int) -> int:
    raise ValueError(f"{n} is too many")


@operator(cpu=0.1, memory=0)
def add(numbers: list[int]) -> int:
    return sum(numbers)


@workflow
def doubled(n: int, data: int = 8) -> dict[str, object]:
    """Doubles a number, and makes some bytes."""
    return {"n": double(n), "data": repeat(data)}


@workflow
def echo(value: object) -> object:
    return same(value)


@operator(cpu=0.1, memory=0)
def same(value: object) -> object:
    return value


@operator(cpu=0.1, memory=0, cache=True)
def triple(n: int) -> int:
    return 3 * n


@workflow
def tripled(n: int = 3) -> int:
    return triple(n)


@workflow
def asking() -> None:
    """Asks ada."""
    approval("Really?", who="ada")


@operator(cpu=0.1, memory=0)
def numbers(count: int) -> list[int]:
    return list(range(count))


@operator(cpu=0.1, memory=0)
def is_even(n: int) -> bool:
    return n % 2 == 0


@operator(cpu=0.1, memory=0)
def is_large(n: int) -> bool:
    return n > 10


@dataclass
class Share:
    percent: int
    note: str = "all"


@operator(cpu=0.1, memory=0)
def report(n: int, share: Share) -> str:
    return f"{n} to {share.percent} % of {share.note}"


@workflow
def decided(count: int = 30) -> str:
    """Maps over a list, takes a side, repeats, asks somebody, and waits for a signal."""
    total = add(double.map(numbers(count)))
    penstock.when(is_even(total), lambda: double(1), lambda: double(2))
    rounds = penstock.repeat(double, 3, until=is_large, rounds_max=5)
    with penstock.after(total):
        agreed = approval("Report it?", who=["team:search", "ada"])
        share = penstock.signal("share", Share)
    with penstock.after(agreed):
        return report(rounds, share)


@operator(cpu=0.1, memory=0)
def read_text(path: str) -> str:
    return Path(path).read_text()


@operator(cpu=0.1, memory=0)
def times(text: str, n: int) -> str:
    return text * n


@workflow
def repaired(path: str) -> str:
    return times(read_text(path), double(1))


@workflow
def large(n: int = 1) -> int:
    """Has 10,001 nodes, of which one is executed."""
    first = fail(n)
    return add([double(double(double(first))) for _ in range(3333)])


@workflow
def gated(gate: str, width: int = 4) -> int:
    """Waits until its gate is open."""
    return add([hold(gate, each) for each in range(4)])


@operator(cpu=0.1, memory=0)
def read(file: Path) -> str:
    return f"{file.name}: {file.read_text()}"


@dataclass
class Basket:
    items: int
    total: float = 0.0


@operator(cpu=0.1, memory=0)
def fill(basket: Basket) -> list[Basket]:
    return [basket, Basket(basket.items, 2.5 * basket.items)]


@workflow
def filled(basket: Basket = Basket(3)) -> list[Basket]:
    return fill(basket)


@operator(cpu=0.1, memory=0)
def tabulate(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"n": range(rows), "name": [f"row {(7 * n) % rows:04}" for n in range(rows)]})


@operator(cpu=0.1, memory=0)
def fill_matrix(size: int) -> np.ndarray:
    return np.arange(size * size).reshape(size, size)


@workflow
def matrix(size: int = 80) -> np.ndarray:
    return fill_matrix(size)


@workflow
def tabled(rows: int = 300) -> pd.DataFrame:
    return tabulate(rows)


@workflow
def reading(file: Path) -> str:
    return read(file)


@operator(cpu=0.1, memory=0)
def half(x: float) -> float:
    return x / 2


@workflow
def halved(x: float = float("nan")) -> float:
    return half(x)


@workflow
def failing(n: int = 1) -> int:
    return add([fail(n), double(n)])


@workflow
def parent(n: int = 2) -> int:
    return double(tripled.start(n))


@workflow
def items_failing(count: int = 1) -> int:
    return add(fail.map(numbers(count)))


@workflow
def wide(n: int = 1) -> int:
    return add([double(n) for _ in range(120)])
'''


class Programs:
    """The workflows by name; `plan` stores one and returns its hash."""

    def __init__(self, address: str, rest: httpx.Client, folder: Path) -> None:
        self.address, self._rest = address, rest
        self._folder = folder
        self._plans: dict[str, str] = {}

    @cached_property
    def file(self) -> Path:
        path = self._folder / "rest_program.py"
        path.write_text(PROGRAM)
        return path

    def submit(self, name: str, **inputs: Any) -> Run:
        with Client(self.address) as client:
            return client.submit(load_workflow(f"{self.file}:{name}"), **inputs)

    def plan(self, name: str) -> str:
        """Return the hash of a stored plan."""
        if name not in self._plans:
            gate = self._folder / "gate"
            gate.mkdir(exist_ok=True)
            (gate / "open").touch()
            every: dict[str, dict[str, Any]] = {
                "doubled": {"n": 1},
                "gated": {"gate": str(gate)},
                "asking": {},
                "repaired": {"path": str(self.file)},
                "echo": {"value": 1},
                "reading": {"file": self.file},
            }
            inputs = every.get(name, {})
            self._plans[name] = self.submit(name, **inputs).plan_hash.hex()
        return self._plans[name]

    def launch(self, name: str, **inputs: Any) -> str:
        """Start a run over REST; return its id."""
        answer = self._rest.post("/runs", json={"plan": self.plan(name), "inputs": inputs})
        assert answer.status_code == 201, answer.text
        return answer.json()["run"]

    def ended(self, run: str) -> dict[str, Any]:
        """Wait for the end of a run; return its result."""

        def result() -> dict[str, Any] | None:
            found = self._rest.get(f"/runs/{run}/result", params={"wait_s": min(WAIT_S, 30)}).json()
            return None if found["state"] in ("running", "cancelling") else found

        return wait_for(result)
