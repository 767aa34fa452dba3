"""What an open item of a map costs each service: the cores alone, with one map of many items."""

import gc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import penstock
import psutil
from penstock_action_service.pool.core import Pool
from penstock_dependency_manager.core import Graph
from penstock_plan.graph import PlanGraph
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.value.v1 import value_pb2
from penstock_state_tracker.core.shard import Shard

from . import workloads

ITEMS: Final = 100_000
RUN: Final = uuid.UUID(int=7).bytes


def bytes_per_open_item() -> dict[str, float]:
    """Return the bytes that each service's core holds for an item of a map that waits for a worker."""
    graph = PlanGraph.of(penstock.compile(workloads.mapped).plan, b"h" * 32)
    plans = {graph.hash: graph}
    shard, manager, pool = Shard(0, plans), Graph(0, plans), Pool("default", 1)
    events = shard.submit(ev.RunSubmitted(plan=graph.hash, plan_name=graph.name, nodes=graph.size), RUN, 0.0)
    held: dict[str, float] = {}

    def measure(name: str, work: Callable[[], Any]) -> Any:
        with _held(held, f"bytes_per_open_item_{name}"):
            return work()

    list_node = graph.names.index("noop.items")
    events += shard.report(_succeeded(graph.names.index("numbers"), 1), 0.0)
    manager.advance(ev.EventBatch(shard=0, epoch=1, from_seq=1, events=events), 0.0)
    decided = measure("state_tracker", lambda: shard.report(_succeeded(list_node, ITEMS), 0.0))
    batch = ev.EventBatch(shard=0, epoch=1, from_seq=manager.seq + 1, events=decided)
    measure("dependency_manager", lambda: manager.advance(batch, 0.0))
    out = _starts(manager)
    measure("action_service", lambda: _taken(pool, out, manager.seq))
    return held | {"bytes_per_open_item": max(held.values())}


def _succeeded(node: int, number: int) -> rp.Report:
    values = [value_pb2.Value(codec="json", inline=b"%d" % number), value_pb2.Value(codec="json", inline=b"[]")]
    done = rp.Succeeded(outputs=value_pb2.Values(values=values))
    return rp.Report(run_id=RUN, node=node, attempt=1, grant=1, worker="w", succeeded=done)


def _starts(manager: Graph) -> list[bytes]:
    """The messages to the Action Service."""
    found: list[bytes] = []
    out = act.ActionBatch()
    for _ in manager.describe(out.instructions):
        found.append(out.SerializeToString())
        del out.instructions[:]
    return [*found, out.SerializeToString()]


def _taken(pool: Pool, out: list[bytes], seq: int) -> None:
    for at, data in enumerate(out):
        batch = act.ActionBatch.FromString(data)
        batch.shard, batch.from_seq, batch.to_seq, batch.epoch = 0, seq + at - 1, seq + at, 1
        pool.actions(batch, 0.0)


@contextmanager
def _held(held: dict[str, float], name: str) -> Iterator[None]:
    gc.collect()
    before = psutil.Process().memory_info().rss  # protobuf's memory is not Python's
    yield
    gc.collect()
    held[name] = (psutil.Process().memory_info().rss - before) / ITEMS
