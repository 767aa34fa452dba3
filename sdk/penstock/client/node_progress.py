"""How far a node is, as its operator says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.plan.v1 import plan_pb2

from .submission import node_index

if TYPE_CHECKING:
    from .connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProgress:
    """How far a node is, as its operator said last in its latest attempt.

    Attributes:
        at_us: When it said so: microseconds of Unix time, by the worker's clock.
        done: What `penstock.progress` was called with; None: it was not.
        total: None: unknown.
        line: The unfinished line of its output, such as a progress bar.
    """

    node: str
    attempt: int
    at_us: int
    done: float | None = None
    total: float | None = None
    text: str = ""
    line: str = ""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None: unknown."""
        if self.done is None or not self.total or not math.isfinite(self.done / self.total):
            return None
        return min(max(self.done / self.total, 0.0), 1.0)


async def read_progress(
    connection: Connection, plan: plan_pb2.Plan, run_id: bytes, nodes: Sequence[str]
) -> list[NodeProgress]:
    """Return how far nodes of a run are, of those whose operators have said it; without names, of all."""
    index = {node.name: number for number, node in enumerate(plan.nodes)} if nodes else {}
    asked = [index[node] if node in index else node_index(plan, node) for node in nodes]
    request = artifact_pb2.ReadProgressRequest(run_id=run_id, nodes=asked)
    answer: Any = await connection.call("artifact_store", "ReadProgress", request)
    known = [each for each in answer.executions if each.key.node < len(plan.nodes)]
    return sorted((_node_progress(plan, each) for each in known), key=lambda each: each.at_us)


def _node_progress(plan: plan_pb2.Plan, found: artifact_pb2.ExecutionProgress) -> NodeProgress:
    said = found.progress
    return NodeProgress(
        node=plan.nodes[found.key.node].name,
        attempt=found.key.attempt,
        at_us=said.at_us,
        done=said.done if said.HasField("done") else None,
        total=said.total if said.HasField("total") else None,
        text=said.text,
        line=said.line,
    )
