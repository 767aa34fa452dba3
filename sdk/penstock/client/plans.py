"""Plans by their hashes: fetched once."""

from __future__ import annotations

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2

from .connection import Connection

KEPT_MAX = 256


class Plans:
    """The last plans that were used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[bytes, plan_pb2.Plan] = {}

    async def get(self, plan_hash: bytes) -> plan_pb2.Plan:
        """Return a plan, from the State Tracker if it is not here."""
        if (plan := self._kept.get(plan_hash)) is not None:
            return plan
        request = service_pb2.GetPlanRequest(plan=plan_hash)
        retry = self._connection.retry_at(self._connection.address)
        while True:
            data = bytearray()
            async for response in self._connection.stream("state_tracker", "GetPlan", request, retry):
                data += response.chunk
            if retry.is_finished:
                plan = plan_pb2.Plan.FromString(bytes(data))
                self.keep(plan_hash, plan)
                return plan

    def keep(self, plan_hash: bytes, plan: plan_pb2.Plan) -> None:
        """Remember a plan that is known already."""
        if plan_hash in self._kept:
            return
        if len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        self._kept[plan_hash] = plan
