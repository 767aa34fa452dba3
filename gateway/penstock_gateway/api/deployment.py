"""The deployment: what it is, whether it responds, what is wrong with it; and what problems mean."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from penstock.client import Unreachable
from penstock.doctor.findings import Severity
from penstock.doctor.probe import ask
from penstock.doctor.rules import judge
from penstock_proto.access.v1.service_pb2 import KeysRequest
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.problems import KINDS, Kind, Problem
from . import models
from .context import Here

STUCK_AFTER_S: Final = 60.0
HEALTH_S_MAX: Final = 3.0

router = APIRouter(prefix="/v1", tags=["deployment"])
# Where programs look for it that know nothing of Penstock.
well_known = APIRouter(prefix="/.well-known", include_in_schema=False)


@well_known.get("/jwks.json")
async def jwks(here: Here) -> Response:
    """Get the public keys that access tokens are signed with: a JSON Web Key Set."""
    found = await here.client.connection.call("authority", "Keys", KeysRequest())
    return Response(found.jwks_json, media_type="application/jwk-set+json")


@router.get("/info", response_model=models.Info)
async def info(here: Here) -> Response:
    """Get the version of the services and the number of shards."""
    found = await here.client.info()
    return answer({"version": found.version, "shards": found.shards, "deployment": found.deployment_id})


@router.get("/health", response_model=models.Health)
async def health(here: Here) -> Response:
    """Say whether requests can be answered: a State Tracker responds. For probes and load balancers."""
    try:
        async with asyncio.timeout(HEALTH_S_MAX):
            await here.client.info()
    except TimeoutError:
        raise Unreachable(here.client.address, f"no response in {HEALTH_S_MAX:g} s") from None
    return answer({"status": "ok"})


@router.get("/doctor", response_model=models.Findings)
async def doctor(here: Here) -> Response:
    """Check the services and suggest fixes. It takes a second or more, and stores one small artifact."""
    async with here.examining:
        found = judge(await ask(here.client.address, credential=here.client.connection.credential), STUCK_AFTER_S)
    body: dict[str, Any] = {
        "healthy": all(one.severity is not Severity.ERROR for one in found),
        "findings": [
            {"check": one.check, "severity": one.severity.value, "text": one.text, "remedy": one.remedy}
            for one in found
        ],
    }
    return answer(body)


@router.get("/problems", response_model=models.Problems)
async def list_problems() -> Response:
    """List the kinds of problems that requests are answered with."""
    return answer({"problems": [_kind(kind) for kind in KINDS.values()]})


@router.get("/problems/{slug}", response_model=models.ProblemKind)
async def get_problem(slug: Annotated[str, Path(pattern="^[a-z-]{1,40}$", examples=["invalid"])]) -> Response:
    """Get one kind of problem."""
    if slug not in KINDS:
        raise Problem("not-found", f"unknown problem {slug!r}; /v1/problems lists all kinds")
    return answer(_kind(KINDS[slug]))


def _kind(kind: Kind) -> dict[str, Any]:
    return {"type": kind.type, "status": kind.status, "title": kind.title, "remedy": kind.remedy}
