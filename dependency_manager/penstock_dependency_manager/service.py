"""The Dependency Manager's gRPC service: for followers who missed a part of `actions`."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock_proto.dependency_manager.v1 import service_pb2 as api
from penstock_proto.dependency_manager.v1 import service_pb2_grpc
from penstock_proto.wire import pieces

from .core import Graph
from .errors import NotLoaded
from .recent import Recent


class Service(service_pb2_grpc.DependencyManagerServiceServicer):
    """Answers from memory. `graphs` holds only the shards that are loaded."""

    def __init__(self, graphs: Mapping[int, Graph], recent: Recent) -> None:
        self._graphs = graphs
        self._recent = recent

    async def Heads(self, request: api.HeadsRequest, context: Any) -> api.HeadsResponse:
        heads = [api.Head(shard=shard, epoch=graph.epoch, seq=graph.seq) for shard, graph in self._graphs.items()]
        return api.HeadsResponse(heads=heads)

    async def Read(self, request: api.ReadRequest, context: Any) -> AsyncIterator[api.ReadResponse]:
        self._graph(request.shard)
        for batch in self._recent.after(request.shard, request.after_seq):
            yield api.ReadResponse(batch=batch)

    async def Snapshot(self, request: api.SnapshotRequest, context: Any) -> AsyncIterator[api.SnapshotResponse]:
        for response in snapshot(self._graph(request.shard)):
            yield response

    def _graph(self, shard: int) -> Graph:
        if (graph := self._graphs.get(shard)) is None:
            raise NotLoaded(shard)
        return graph


def snapshot(graph: Graph) -> list[api.SnapshotResponse]:
    """Return all that may run or runs, as of now: the graph moves on while the messages are sent."""
    starts = list(graph.starts(time.monotonic()))
    sizes = (start.ByteSize() for start in starts)
    shard, seq, epoch = graph.shard, graph.seq, graph.epoch
    return [api.SnapshotResponse(shard=shard, seq=seq, epoch=epoch, starts=starts[piece]) for piece in pieces(sizes)]
