"""Why nodes cannot be put in order: a shortest circle among them."""

from collections.abc import Iterable, Sequence

# Edges walked in the search; past it the shortest circle found so far has to do.
STEPS_MAX = 3_000_000


def shortest_cycle(parents: Sequence[Iterable[int]]) -> list[int]:
    """Nodes of a shortest circle, each followed by the one it depends on; empty if there is none."""
    within = _on_circles(parents)
    # Every circle has a node that depends on itself or on a later one.
    starts = [node for node in sorted(within) if any(parent >= node for parent in within[node])]
    best: list[int] = []
    steps = 0
    for start in starts:
        found, walked = _circle_through(start, within, len(best) - 1 if best else len(parents))
        best = found or best
        steps += walked
        if len(best) == 1 or steps > STEPS_MAX:
            break
    return best


def _on_circles(parents: Sequence[Iterable[int]]) -> dict[int, set[int]]:
    """What remains when nodes without parents or without children are taken away again and again."""
    up = {node: set(of_node) for node, of_node in enumerate(parents)}
    down: dict[int, set[int]] = {node: set() for node in up}
    for node, of_node in up.items():
        for parent in of_node:
            down[parent].add(node)
    waiting = [node for node in up if not up[node] or not down[node]]
    while waiting:
        node = waiting.pop()
        if node not in up:
            continue
        for parent in up.pop(node):
            if parent != node:
                down[parent].discard(node)
                if not down[parent]:
                    waiting.append(parent)
        for child in down.pop(node):
            if child != node:
                up[child].discard(node)
                if not up[child]:
                    waiting.append(child)
    return up


def _circle_through(start: int, parents: dict[int, set[int]], length_max: int) -> tuple[list[int], int]:
    """The shortest circle through `start` of at most that length, else none; and how many edges were walked."""
    came_from = {start: start}
    frontier = [start]
    steps = 0
    for _ in range(length_max):
        reached: list[int] = []
        for node in frontier:
            for parent in parents[node]:
                steps += 1
                if parent == start:
                    return _way_back(node, came_from), steps
                if parent not in came_from:
                    came_from[parent] = node
                    reached.append(parent)
        frontier = reached
        if not frontier or steps > STEPS_MAX:
            break
    return [], steps


def _way_back(node: int, came_from: dict[int, int]) -> list[int]:
    path = [node]
    while came_from[node] != node:
        node = came_from[node]
        path.append(node)
    return path[::-1]
