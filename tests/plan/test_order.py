"""Circles among nodes, against a search that tries everything."""

from hypothesis import given
from hypothesis import strategies as st
from penstock_plan.check.order import shortest_cycle

SIZE = 7
GRAPHS = st.lists(st.sets(st.integers(0, SIZE - 1), max_size=3), min_size=SIZE, max_size=SIZE)


def shortest_length(parents: list[set[int]]) -> int:
    """Length of the shortest walk from a node back to itself; 0 if there is none."""
    reached = [{node} for node in range(SIZE)]
    for length in range(1, SIZE + 1):
        reached = [{parent for node in of_node for parent in parents[node]} for of_node in reached]
        if any(node in of_node for node, of_node in enumerate(reached)):
            return length
    return 0


@given(GRAPHS)
def test_a_circle_is_a_shortest_one(parents: list[set[int]]) -> None:
    circle = shortest_cycle(parents)
    assert len(circle) == shortest_length(parents)
    for node, needed in zip(circle, circle[1:] + circle[:1], strict=True):
        assert needed in parents[node]


def test_a_large_graph_without_a_circle() -> None:
    assert shortest_cycle([[node + 1] for node in range(99_999)] + [[]]) == []


def test_many_circles_take_bounded_work() -> None:
    size = 20_000
    circle = shortest_cycle([[(node + 1) % size, (node + 7) % size] for node in range(size)])
    assert 0 < len(circle) <= size
