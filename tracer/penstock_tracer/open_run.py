"""What the tracer keeps of a run until it ends. No I/O."""

import re
from collections.abc import Sequence
from typing import Final

from penstock_observability import trace_ids
from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph, RunGraph, graph_of_run
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import DEFAULT_POOL

from .spans import Attribute, Place

Key = tuple[int, tuple[int, ...], int]  # node, item, attempt

TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class OpenRun:
    """One run from its submission to its end."""

    __slots__ = (
        "attributes", "begun_us", "ended", "failure", "first_seq", "graph", "links", "name", "ready_us", "run_id",
        "skipped", "started", "submitted_us",
    )  # fmt: skip

    def __init__(self, run_id: bytes, event: ev.RunSubmitted, seq: int, at_us: int, graph: PlanGraph | None) -> None:
        self.run_id, self.first_seq, self.begun_us = run_id, seq, at_us
        self.graph: RunGraph | None = None if graph is None else graph_of_run(graph)
        for growth in event.reused.growths:
            self.grow(growth.node, growth.items)
        self.submitted_us = at_us  # earlier, where the run goes on after an end
        self.name = event.plan_name
        self.attributes: dict[str, Attribute] = {
            "penstock.run_id": _text(run_id),
            "penstock.workflow": event.plan_name,
            "penstock.team": event.options.team or event.caller.team,
            "penstock.pool": event.options.pool or DEFAULT_POOL,
        }
        self.links = _causes(event)
        # When each node ended well, and the attempt that did: where its dependents' waiting begins.
        self.ended: dict[int, tuple[int, int]] = {}
        # Of attempts that run: when that was recorded.
        self.started: dict[Key, int] = {}
        # Of nodes that failed and are tried again: from when on.
        self.ready_us: dict[int, int] = {}
        self.failure = ""
        self.skipped = 0

    @property
    def kept(self) -> int:
        """How much this run takes of the memory that all runs share."""
        return len(self.ended) + len(self.started) + len(self.ready_us)

    def forget(self) -> None:
        """Give the nodes' times up: spans that come lack how long they waited, and for whom."""
        self.graph = None
        self.ended.clear()
        self.started.clear()
        self.ready_us.clear()

    def grow(self, node: int, items: int) -> None:
        """Add the nodes of a map's items."""
        if isinstance(self.graph, GrownGraph):
            self.graph.grow(node, items)

    def name_of(self, node: int) -> str:
        graph = self.graph
        return graph.name_of(node) if graph is not None and 0 <= node < graph.size else f"node {node}"

    def operator_of(self, node: int) -> str:
        graph = self.graph
        return graph.operators[node] if graph is not None and 0 <= node < graph.size else ""

    def parents_of(self, node: int) -> Sequence[int]:
        graph = self.graph
        return graph.parents[node] if graph is not None and 0 <= node < graph.size else ()

    def ready_since_us(self, node: int) -> int | None:
        """Return from when on the node's next attempt could start; None if that is not known any more."""
        if node in self.ready_us:
            return self.ready_us[node]
        if self.graph is None:
            return None
        times = [self.ended[parent][0] for parent in self.parents_of(node) if parent in self.ended]
        return max(times, default=self.begun_us)


def _text(run_id: bytes) -> str:
    digits = run_id.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _causes(event: ev.RunSubmitted) -> list[Place]:
    """Where the run came from: the submitter's own trace, the run that it is a child or a fork of."""
    links = [
        Place(trace_ids.trace_id(other), trace_ids.run_span(other))
        for other in (event.parent_run_id, event.forked_from)
        if other
    ]
    if found := TRACEPARENT.fullmatch(event.options.traceparent):
        links.append(Place(int(found[1], 16), int(found[2], 16)))
    return links
