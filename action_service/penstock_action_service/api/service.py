"""Queries for people and tools: the pools, the workers, and why an action waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from penstock_proto.action_service.v1 import service_pb2 as api
from penstock_proto.action_service.v1 import service_pb2_grpc
from penstock_proto.wire import DEFAULT_POOL, RUN_ID_BYTES

from ..errors import BadRequest
from ..shell.pool_host import PoolHost


class Service(service_pb2_grpc.ActionServiceServicer):
    """Answers from the memory of the pools that this process owns."""

    def __init__(
        self,
        hosts: Mapping[str, PoolHost],
        pools: Sequence[str] = (),
        state_trackers: Sequence[str] = (),
        dependency_managers: Sequence[str] = (),
    ) -> None:
        self._hosts = hosts
        self._pools = pools  # that it may own
        self._state_trackers = state_trackers
        self._dependency_managers = dependency_managers

    async def ListWorkers(self, request: api.ListWorkersRequest, context: Any) -> api.ListWorkersResponse:
        now = asyncio.get_running_loop().time()
        hosts = [host for name, host in self._hosts.items() if request.pool in ("", name)]
        return api.ListWorkersResponse(workers=[worker for host in hosts for worker in host.core.workers(now)])

    async def ListPools(self, request: api.ListPoolsRequest, context: Any) -> api.ListPoolsResponse:
        pools = [host.core.summary() for host in self._hosts.values()]
        return api.ListPoolsResponse(
            pools=pools, state_trackers=self._state_trackers, dependency_managers=self._dependency_managers
        )

    async def Why(self, request: api.WhyRequest, context: Any) -> api.WhyResponse:
        if len(request.run_id) != RUN_ID_BYTES:
            raise BadRequest(f"invalid run id: expected a UUID of {RUN_ID_BYTES} bytes, not {len(request.run_id)}")
        now = asyncio.get_running_loop().time()
        hosts = self._hosts.values()
        return api.WhyResponse(lines=[line for host in hosts for line in host.core.why(request.run_id, now)])

    async def Fit(self, request: api.FitRequest, context: Any) -> api.FitResponse:
        host = self._hosts.get(request.pool or DEFAULT_POOL)
        return api.FitResponse(pools=self._pools, lacks=host.core.lacks(request.needs) if host is not None else ())
