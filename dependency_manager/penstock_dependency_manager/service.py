"""The Dependency Manager's gRPC service: for followers who missed a part of `actions`."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.dependency_manager.v1 import service_pb2 as api
from penstock_proto.dependency_manager.v1 import service_pb2_grpc
from penstock_proto.wire import pieces

from .core import Graph
from .errors import NotLoaded
from .recent import Recent


class Service(service_pb2_grpc.DependencyManagerServiceServicer):
    """Answers from memory. `graphs` holds only the shards that are loaded."""

    def __init__(self, graphs: Mapping[int, Graph], recent: Recent, unpublished: Mapping[int, act.ActionBatch]) -> None:
        self._graphs = graphs
        self._recent = recent
        self._unpublished = unpublished

    async def Heads(self, request: api.HeadsRequest, context: Any) -> api.HeadsResponse:
        heads = [
            api.Head(shard=shard, epoch=graph.epoch, seq=self._published(graph))
            for shard, graph in self._graphs.items()
        ]
        return api.HeadsResponse(heads=heads)

    async def Read(self, request: api.ReadRequest, context: Any) -> AsyncIterator[api.ReadResponse]:
        self._graph(request.shard)
        for batch in self._recent.after(request.shard, request.after_seq):
            yield api.ReadResponse(batch=batch)

    async def Snapshot(self, request: api.SnapshotRequest, context: Any) -> AsyncIterator[api.SnapshotResponse]:
        for response in await snapshot(self._graph(request.shard)):
            yield response

    def _published(self, graph: Graph) -> int:
        """Return the position up to which what follows can be read."""
        message = self._unpublished.get(graph.shard)
        return graph.seq if message is None else message.from_seq

    def _graph(self, shard: int) -> Graph:
        if (graph := self._graphs.get(shard)) is None:
            raise NotLoaded(shard)
        return graph


async def snapshot(graph: Graph) -> list[api.SnapshotResponse]:
    """Return all that may run or runs, as of now: the graph moves on while it is described and sent."""
    shard, seq, epoch = graph.shard, graph.seq, graph.epoch
    starts: list[act.Start] = []
    for start in graph.starts(time.monotonic()):
        starts.append(start)
        if len(starts) % graph.STEP == 0:
            await asyncio.sleep(0)
    sizes = (start.ByteSize() for start in starts)
    return [api.SnapshotResponse(shard=shard, seq=seq, epoch=epoch, starts=starts[piece]) for piece in pieces(sizes)]
