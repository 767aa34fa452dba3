"""The examples of docs/dynamic.md do what the page says, and wire.md says how runs grow and lists are opened."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import testing
from penstock.codecs.errors import Undecodable
from penstock.codecs.opened_list import OpenedList, encode_items
from penstock.codecs.values import to_value
from penstock.compiler.loader import workflows_in
from penstock.testing.run import MemoryStore
from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph

PAGE = Path(__file__).parents[2] / "docs" / "dynamic.md"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """All Python blocks of the page, in their order, as one file."""
    path = list(sys.path)
    file = tmp_path / "dynamic_page.py"
    file.write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)))
    workflows_in(file)
    yield sys.modules["dynamic_page"]
    sys.path[:] = path
    del sys.modules["dynamic_page"]


def test_the_page_does_what_it_says(page: Any) -> None:
    assert testing.run(page.scoring, count=4, scale=2.0) == page.scoring(4, 2.0) == 6.0
    assert testing.run(page.released, count=9) == page.released(9) == "published 8.0"
    assert testing.run(page.released, count=2) == "nothing to see"
    assert testing.run(page.tolerant) == page.tolerant()
    assert page.tolerant() == "3, without invalid literal for int() with base 10: 'three'"
    assert testing.run(page.shrinking, start=10.0) == page.shrinking(10.0) == 0.625


def test_added_nodes_have_the_indexes_that_the_page_of_the_wire_says(page: Any) -> None:
    compiled = penstock.compile(page.scoring, bundle_hash=b"", local=True)
    plan = PlanGraph.of(compiled.plan, compiled.hash)
    node = plan.names.index("load.items")
    templates = [index for index in range(plan.size) if compiled.plan.nodes[index].map == node + 1]
    graph = GrownGraph(plan)
    added = graph.grow(node, 3)
    assert [graph.name_of(index) for index in added] == [
        f"{plan.names[template]}[{item}]" for template in templates for item in range(3)
    ]


@pytest.mark.parametrize("items", [[], [1, 2.5, "x", None], [{"a": [1]}, b"\x00\xff"], list(range(3_000))])
def test_items_are_read_one_by_one(tmp_path: Path, items: list[Any]) -> None:
    store = MemoryStore(tmp_path, {})
    encoded = encode_items(items, Any, "items")
    assert encoded.data[:4] == b"PSL1"
    opened = OpenedList(to_value(encoded, store), store)
    assert len(opened) == len(items)
    assert [opened.item(number, Any) for number in range(len(items))] == items
    with pytest.raises(Undecodable, match="items"):
        opened.item(len(items), Any)
