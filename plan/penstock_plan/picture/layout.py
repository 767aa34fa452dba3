"""Where boxes and lines go: columns from left to right, few crossings, long lines straight.

The layered drawing of Sugiyama: a line that spans several columns passes through an invisible point in each; points of
lines that come from, or go to, the same box are shared. All choices are by position, so the same graph looks the same.
"""

import itertools
from bisect import bisect, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

ORDERING_SWEEPS = 12
PLACING_SWEEPS = 8
# A bend in a long line is worse than one beside a box.
LONG_LINE_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Vertices: boxes by their index, then the points that long lines pass through."""

    columns: list[list[int]]  # vertices from top to bottom
    y: list[float]  # middle of each vertex, from 0
    routes: dict[tuple[int, int], list[int]]  # vertices of each edge, one a column


def lay_out(heights: Sequence[float], edges: Iterable[tuple[int, int]], *, gap: float, line_gap: float) -> Layout:
    """Place boxes of the given heights; an edge leads from a lower index to a higher one."""
    edges = list(edges)
    column_of = _columns(len(heights), edges)
    routes = _routes(column_of, edges)
    columns: list[list[int]] = [[] for _ in range(max(column_of, default=-1) + 1)]
    for vertex, column in enumerate(column_of):
        columns[column].append(vertex)
    before: list[list[int]] = [[] for _ in column_of]
    after: list[list[int]] = [[] for _ in column_of]
    for one, other in dict.fromkeys(pair for route in routes.values() for pair in itertools.pairwise(route)):
        before[other].append(one)
        after[one].append(other)
    columns = _ordered(columns, before, after)
    boxes = len(heights)
    tall = [*heights, *[0.0] * (len(column_of) - boxes)]

    def apart(upper: int, lower: int) -> float:
        return (tall[upper] + tall[lower]) / 2 + (gap if upper < boxes and lower < boxes else line_gap)

    y = _placed(columns, before, after, apart, boxes)
    top = min((y[vertex] - tall[vertex] / 2 for vertex in range(len(y))), default=0.0)
    return Layout(columns, [each - top for each in y], routes)


def _columns(size: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The longest way to each box."""
    column_of = [0] * size
    for one, other in sorted(edges, key=lambda edge: edge[1]):
        column_of[other] = max(column_of[other], column_of[one] + 1)
    return column_of


def _routes(column_of: list[int], edges: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """Add the points of long lines to `column_of`; they are shared at that end of the line which has more of them."""
    leaving, arriving = [0] * len(column_of), [0] * len(column_of)
    for one, other in edges:
        leaving[one] += 1
        arriving[other] += 1
    points: dict[tuple[bool, int, int], int] = {}
    routes: dict[tuple[int, int], list[int]] = {}
    for one, other in edges:
        fans_out = leaving[one] >= arriving[other]
        route = [one]
        for column in range(column_of[one] + 1, column_of[other]):
            key = (fans_out, one if fans_out else other, column)
            if key not in points:
                points[key] = len(column_of)
                column_of.append(column)
            route.append(points[key])
        routes[one, other] = [*route, other]
    return routes


def _ordered(
    columns: list[list[int]], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Sort each column by the middle of its neighbours, to and fro; keep the order with the fewest crossings."""
    best, fewest = [list(column) for column in columns], _crossings(columns, after)
    for sweep in range(ORDERING_SWEEPS):
        if not fewest:
            break
        forth = sweep % 2 == 0
        walk = columns[1:] if forth else columns[-2::-1]
        place = {vertex: float(index) for column in columns for index, vertex in enumerate(column)}
        for column in walk:
            neighbours = before if forth else after
            middle = {vertex: _mean(neighbours[vertex], place) for vertex in column}
            column.sort(key=middle.__getitem__)
            place.update((vertex, float(index)) for index, vertex in enumerate(column))
        if (crossings := _crossings(columns, after)) < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _mean(neighbours: Sequence[int], place: Mapping[int, float]) -> float:
    return sum(map(place.__getitem__, neighbours)) / len(neighbours) if neighbours else -1.0


def _crossings(columns: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    count = 0
    for column, following in itertools.pairwise(columns):
        place = {vertex: index for index, vertex in enumerate(following)}
        seen: list[int] = []
        for vertex in column:
            ends = sorted(place[each] for each in after[vertex])
            count += sum(len(seen) - bisect(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _placed(
    columns: Sequence[Sequence[int]],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    apart: Callable[[int, int], float],
    boxes: int,
) -> list[float]:
    """Move each column towards the middle of its neighbours, to and fro, keeping order and distances."""
    y = [0.0] * len(before)
    for column in columns:
        for upper, lower in itertools.pairwise(column):
            y[lower] = y[upper] + apart(upper, lower)
    for sweep in range(PLACING_SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wanted, weights = list[float](), list[float]()
            for vertex in column:
                near = (before if sweep % 2 == 0 else after)[vertex] or (after if sweep % 2 == 0 else before)[vertex]
                pull = [LONG_LINE_WEIGHT if vertex >= boxes or each >= boxes else 1.0 for each in near]
                total = sum(each * y[to] for each, to in zip(pull, near, strict=True))
                wanted.append(total / sum(pull) if near else y[vertex])
                weights.append(sum(pull) if near else 1.0)
            for vertex, at in zip(column, _spread(column, wanted, weights, apart), strict=True):
                y[vertex] = at
    return y


def _spread(
    column: Sequence[int], wanted: Sequence[float], weights: Sequence[float], apart: Callable[[int, int], float]
) -> list[float]:
    """The places nearest to the wanted ones, in least squares, that keep the distances: isotonic regression."""
    offset = 0.0
    offsets: list[float] = []
    pools: list[tuple[float, float, int]] = []  # mean, weight, count: vertices that touch
    for index, vertex in enumerate(column):
        offset += apart(column[index - 1], vertex) if index else 0.0
        offsets.append(offset)
        mean, weight, count = wanted[index] - offset, weights[index], 1
        while pools and pools[-1][0] > mean:
            mean_above, weight_above, count_above = pools.pop()
            mean = (mean * weight + mean_above * weight_above) / (weight + weight_above)
            weight, count = weight + weight_above, count + count_above
        pools.append((mean, weight, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [at + below for at, below in zip(flat, offsets, strict=True)]
