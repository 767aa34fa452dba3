"""The plan as a picture: well-formed, complete, the same every time, with nothing on top of anything else."""

import itertools
import random
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_plan.picture import draw
from penstock_plan.picture.grouping import READABLE_MAX, edges_of, grouped
from penstock_plan.picture.layout import lay_out
from penstock_proto.plan.v1 import plan_pb2 as pb

from tests.dags import graph_of, random_plan
from tests.plan.plans import plan_of, valid_plan

# Small enough for a box a node.
PLANS = st.randoms(use_true_random=False).map(lambda dice: random_plan(dice, 40))
SVG = "{http://www.w3.org/2000/svg}"


def parsed(plan: pb.Plan) -> ElementTree.Element:
    return ElementTree.fromstring(draw(plan, bytes(32)))


def texts(root: ElementTree.Element, kind: str) -> list[str]:
    return [each.text or "" for each in root.iter(f"{SVG}text") if each.get("class") == kind]


def of_kind(root: ElementTree.Element, *kinds: str) -> list[ElementTree.Element]:
    return [each for each in root.iter() if set(kinds) <= set((each.get("class") or "").split())]


def test_it_shows_names_types_resources_and_the_critical_path() -> None:
    plan = valid_plan()
    root = parsed(plan)
    assert texts(root, "name") == [node.name for node in plan.nodes]
    assert any("Model" in label for label in texts(root, "label"))
    path = graph_of(plan).critical_path()
    assert len(of_kind(root, "node", "critical")) == len(path)
    assert len(of_kind(root, "tip", "critical")) == len(path) - 1
    assert any("CPU" in text for text in texts(root, "small"))


def test_it_can_be_read_aloud() -> None:
    plan = valid_plan()
    root = parsed(plan)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and description is not None
    assert root.get("role") == "img" and root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    for node in plan.nodes:
        assert node.name in (description.text or "")
    assert "Critical path" in (description.text or "")


def test_names_are_only_ever_text() -> None:
    plan = plan_of([[], [0]])
    plan.nodes[0].name = '</title><script>alert("&")</script>'
    plan.nodes[1].name = "\x1b\x00\u202e\ufffe"
    plan.operators[0].qualname = "<b>"
    root = parsed(plan)
    assert not list(root.iter(f"{SVG}script"))
    assert texts(root, "name")[0].startswith("</title><script>")
    assert "\\x1b\\x00\\u202e\\ufffe" in "".join(root.itertext())


def test_order_alone_is_drawn_apart() -> None:
    root = parsed(plan_of([[], [], [0]], after=[[], [0], []]))
    assert len(of_kind(root, "line", "order")) == 2  # the line, and its example below the picture
    assert not of_kind(parsed(plan_of([[], [0]])), "order")


@settings(max_examples=25)
@given(PLANS)
def test_any_plan_is_drawn_the_same_twice(plan: pb.Plan) -> None:
    picture = draw(plan, bytes(32))
    assert picture == draw(pb.Plan.FromString(plan.SerializeToString()), bytes(32))
    assert len(texts(ElementTree.fromstring(picture), "name")) == len(plan.nodes)


@pytest.mark.parametrize("width", [100, 998, 20_000])
def test_a_wide_fan_out_is_one_box(width: int) -> None:
    root = parsed(plan_of([[], *[[0]] * width, list(range(1, width + 1))]))
    assert texts(root, "name") == ["step-0", f"step × {width}", f"step-{width + 1}"]  # noqa: RUF001


def test_a_long_loop_is_one_box() -> None:
    """Each step uses the data and the step before; the last node uses all steps."""
    steps = 300
    root = parsed(plan_of([[], [0], *[[0, step] for step in range(1, steps)], list(range(1, steps + 1))]))
    (loop,) = [name for name in texts(root, "name") if "×" in name]  # noqa: RUF001
    assert loop.endswith(str(steps)) or loop.endswith(str(steps - 1))
    assert any("one after the other" in text for text in texts(root, "small"))
    assert len(texts(root, "name")) <= 4


def irregular(size: int) -> pb.Plan:
    """Nodes of which no two are alike."""
    chance = random.Random(7)
    return plan_of([sorted(chance.sample(range(max(0, n - 12), n), min(n, 2))) for n in range(size)])


@pytest.mark.parametrize("size", [150, 1300, 5000])
def test_many_nodes_that_differ_are_few_boxes(size: int) -> None:
    root = parsed(irregular(size))
    assert 2 <= len(texts(root, "name")) <= READABLE_MAX
    counts = [int(name.split("×")[1]) if "×" in name else 1 for name in texts(root, "name")]  # noqa: RUF001
    assert sum(counts) == size
    assert any(text.startswith("levels ") for text in texts(root, "small"))


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_every_node_is_in_one_box_whatever_is_opened(dice: random.Random) -> None:
    graph = graph_of(random_plan(dice, 400))
    boxes, opened = grouped(graph), set[str]()
    for _ in range(3):
        groups = [box.key for box in boxes if len(box.nodes) > 1]
        opened.update(dice.sample(groups, min(len(groups), 2)))
        boxes = grouped(graph, opened)
        assert sorted(node for box in boxes for node in box.nodes) == list(range(graph.size))
        assert len({box.key for box in boxes}) == len(boxes)
        assert all(one < other for one, other in edges_of(graph, boxes))
        assert not opened & {box.key for box in boxes}


@settings(max_examples=25)
@given(PLANS, st.integers(20, 80))
def test_nothing_lies_on_anything_else(plan: pb.Plan, height: int) -> None:
    edges = graph_of(plan).parents
    pairs = [(parent, node) for node, parents in enumerate(edges) for parent in parents]
    layout = lay_out([float(height)] * len(edges), pairs, gap=10, line_gap=5)
    column_of = {vertex: index for index, column in enumerate(layout.columns) for vertex in column}
    for column in layout.columns:
        half = [height / 2 if vertex < len(edges) else 0 for vertex in column]
        ends = [(layout.y[vertex] - each, layout.y[vertex] + each) for vertex, each in zip(column, half, strict=True)]
        assert all(above[1] + 5 <= below[0] + 1e-6 for above, below in itertools.pairwise(ends))
        assert all(top >= -1e-6 for top, _ in ends)
    for (one, other), route in layout.routes.items():
        assert (route[0], route[-1]) == (one, other)
        assert [column_of[vertex] for vertex in route] == list(range(column_of[one], column_of[other] + 1))
