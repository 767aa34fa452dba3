"""Workers and pools."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from penstock_proto.plan.v1 import plan_pb2
from starlette.responses import Response

from ..edge.answers import answer
from . import models
from .context import NAME_CHARS_MAX, NAME_PATTERN, Here

router = APIRouter(prefix="/v1", tags=["pools"])


@router.get("/workers", response_model=models.Workers)
async def list_workers(
    here: Here, pool: Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)] = ""
) -> Response:
    """List the connected workers and what they hold."""
    workers = [
        {
            "worker": one.worker,
            "pool": one.pool,
            "host": one.host,
            "version": one.version,
            "executor": one.executor,
            "capacity": _resources(one.capacity),
            "used": _resources(one.used),
            "actions": one.actions,
            "silent_s": one.silent_s,
            "draining": one.draining,
        }
        for one in await here.client.workers(pool)
    ]
    return answer({"workers": workers})


@router.get("/pools", response_model=models.Pools)
async def list_pools(here: Here) -> Response:
    """List the pools: what they have, use and wait for."""
    pools = [
        {
            "pool": one.pool,
            "capacity": _resources(one.capacity),
            "used": _resources(one.used),
            "queued": one.queued,
            "delayed": one.delayed,
            "granted": one.granted,
            "workers": one.workers,
        }
        for one in await here.client.pools()
    ]
    return answer({"pools": pools})


def _resources(one: plan_pb2.Resources) -> dict[str, Any]:
    return {"cpu": one.cpu_milli / 1000, "gpu": one.gpu, "memory_bytes": one.memory_bytes, "labels": dict(one.labels)}
