"""What a call is: its key has all that decides about the result, and is not made if that is not known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import penstock
import pytest
from penstock.call.failures import ActionError
from penstock.call.given import Given
from penstock.call.invocation import Call
from penstock.codecs.opened_list import encode_items
from penstock.codecs.values import to_value
from penstock.compiler.loader import load_workflow
from penstock_artifact_store import LocalStore
from penstock_executors.call_keys import CallKeys
from penstock_executors.errors import NoKey
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.value.v1.value_pb2 import Value

SOURCE = """
import numpy as np
import optional_module_that_is_absent_or_not
from penstock import operator, workflow


@operator(cache=True, secrets=["hf-token"])
def train(rate: float, names: list[str]) -> float:
    return float(np.float64(rate))


@operator(cache=True)
def lost(rate: float) -> float:
    return optional_module_that_is_absent_or_not.f(rate)


@operator(cache=True, cache_key=lambda rate, digits: f"{rate:.{digits}f}")
def rounded(rate: float, digits: int = 1) -> float:
    return rate


@operator(cache=True, cache_key=lambda rate: 7)
def wrong(rate: float) -> float:
    return rate


@operator
def rates(first: float) -> list[float]:
    return [first, 2 * first, first]


@workflow
def mapped(first: float) -> list[float]:
    return train.map(rates(first), names=["a"])


@workflow
def keyed(rate: float, name: str) -> None:
    train(rate, [name, "b"])
    lost(rate)
    rounded(rate)
    wrong(rate)
"""


NAMES = ("train.items", "train")


class Keys:
    """Keys of the nodes of the workflow above."""

    def __init__(self, folder: Path, store: LocalStore) -> None:
        self.plan = penstock.compile(load_workflow(f"{folder / 'keyed_flow.py'}:keyed")).plan
        self._store, self._keys = store, CallKeys(str(folder), store)

    def of(self, node: int, rate: bytes = b"0.25", team: str = "vision") -> dict[tuple[str, str], bytes]:
        given = Given({-1: [_json(rate, "float"), _json(b'"a"', "str")]})
        call = Call(self.plan, node, self._store)
        key = self._keys.key_of(call, self.plan, Grant(node=node, team=team), given)
        assert key.team == team and key.operator == call.operator
        return {(part.kind, part.name): part.value for part in key.parts}


def _json(text: bytes, type_name: str) -> Value:
    return Value(codec="json", inline=text, type_name=type_name, size_bytes=len(text))


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    path = list(sys.path)
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
    (project / "keyed_flow.py").write_text(SOURCE)
    (elsewhere / "optional_module_that_is_absent_or_not.py").write_text("def f(x): return x\n")
    sys.path.insert(0, str(elsewhere))
    yield Keys(project, LocalStore(tmp_path / "store"))
    sys.path[:] = path
    for name in ("keyed_flow", "optional_module_that_is_absent_or_not"):
        sys.modules.pop(name, None)


def test_a_key_has_code_packages_types_secrets_and_arguments(keys: Keys) -> None:
    key = keys.of(0)
    assert set(key) == {
        ("code", "keyed_flow:"),
        ("code", "keyed_flow:train"),
        ("package", "numpy"),
        ("package", "python"),
        ("output", "result"),
        ("secret", "hf-token"),
        ("argument", "rate"),
        ("argument", "names"),
    }
    assert keys.of(0) == key
    other = keys.of(0, rate=b"0.5")
    assert {part for part in key if key[part] != other[part]} == {("argument", "rate")}


def test_items_of_a_map_are_told_apart_by_their_content(keys: Keys, tmp_path: Path) -> None:
    plan = penstock.compile(load_workflow(f"{tmp_path / 'project' / 'keyed_flow.py'}:mapped")).plan
    opening, template = (next(i for i, node in enumerate(plan.nodes) if node.name == name) for name in NAMES)
    store = LocalStore(tmp_path / "store")
    opened = to_value(encode_items([0.5, 1.0, 0.5], float, "items"), store)
    call, made = Call(plan, template, store), CallKeys(str(tmp_path / "project"), store)

    def key(item: int) -> bytes:
        given = Given({opening: [_json(b"3", "int"), opened]})
        given.path = [item]
        grant = Grant(node=90 + item, template=template, path=[item])
        return made.key_of(call, plan, grant, given).SerializeToString(deterministic=True)

    assert key(0) == key(2) != key(1)


def test_what_has_no_version_has_no_key(keys: Keys) -> None:
    with pytest.raises(NoKey, match="optional_module_that_is_absent_or_not is neither"):
        keys.of(1)


def test_an_operator_can_say_what_of_its_arguments_counts(keys: Keys) -> None:
    assert keys.of(2)[("key", "cache_key")] == b"0.2"
    assert keys.of(2, rate=b"0.21") == keys.of(2)
    with pytest.raises(ActionError, match="returned int; expected text"):
        keys.of(3)
