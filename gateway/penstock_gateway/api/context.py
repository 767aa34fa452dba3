"""What routes have in common: what they work with, and the parameters of their paths."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path
from penstock.client.identity import user_name
from penstock_access.credentials import HEADER, bearer
from penstock_plan.graph import PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request

from ..edge.pages import Pages
from ..edge.remembered import Remembered
from ..edge.triggers import Trigger
from ..live.feeds import Feeds
from ..live.run_changes import RunChanges
from ..live.views import Views
from ..upstream import Upstream

NAME_CHARS_MAX: Final = 200
RUN_PATTERN: Final = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
HASH_PATTERN: Final = r"^[0-9a-f]{64}$"
# No control characters: they have no place in names, and Postgres takes no zero byte.
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
# Stand in examples for ids of a deployment.
PLAN_EXAMPLE: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ARTIFACT_EXAMPLE: Final = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
RUN_EXAMPLE: Final = "01933f4e-7c1a-7b3c-9d2e-5f6071829304"
CLIENT: Final = "penstock-gateway"
# Graphs of plans, drawings of them, and sizes of artifacts, that are remembered.
GRAPHS_MAX: Final = 16
DRAWINGS_MAX: Final = 64
SIZES_MAX: Final = 10_000
# Files that are taken at once: each is written to a disk of the gateway first.
UPLOADS_MAX: Final = 16
# Tables that are read at once, to page or sort them.
TABLES_MAX: Final = 2


class _Part(Convertor[str]):
    """A part of a path up to a colon: `/runs/{run:part}:cancel` is another path than `/runs/{run:part}`."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("part", _Part())


@dataclass(frozen=True, slots=True)
class Begun:
    """Nodes of a run that have started, by index: in the order of their starts, and those that its end waited for."""

    in_order: Sequence[int]
    critical: Sequence[int]


@dataclass(frozen=True, slots=True)
class Context:
    """What all requests of a process share.

    Attributes:
        deployment_id: Of the deployment that the gateway belongs to.
    """

    client: Upstream
    pages: Pages
    feeds: Feeds
    deployment_id: str
    shards: int
    artifact_bytes_max: int
    upload_bytes_max: int
    views: Views
    run_changes: RunChanges
    triggers: Mapping[str, Trigger]
    graphs: Remembered[PlanGraph] = field(default_factory=lambda: Remembered[PlanGraph](GRAPHS_MAX))
    drawings: Remembered[bytes] = field(default_factory=lambda: Remembered[bytes](DRAWINGS_MAX))
    begun: Remembered[Begun] = field(default_factory=lambda: Remembered[Begun](GRAPHS_MAX))
    sizes: Remembered[int] = field(default_factory=lambda: Remembered[int](SIZES_MAX))
    uploading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_MAX))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TABLES_MAX))
    # Held by the one look at the deployment that goes on.
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)


def context_of(request: Request, token: str) -> Context:
    """Return what calls with a token work with."""
    return request.app.state.callers.context(token)


def _context(request: Request) -> Context:
    return context_of(request, bearer(request.headers.get(HEADER, "")))


def _caller(
    request: Request,
    user: Annotated[
        str,
        Header(
            alias="Penstock-User",
            description="Name of the user, recorded with what the request causes. Without access control nobody "
            "checks it; with access control the name of the token takes its place.",
            max_length=NAME_CHARS_MAX,
            pattern=r"^[ -~]*$",
        ),
    ] = "",
) -> events_pb2.Caller:
    program = request.headers.get("user-agent", "")[:NAME_CHARS_MAX] or CLIENT
    return events_pb2.Caller(user=user or user_name(), client=program)


Here = Annotated[Context, Depends(_context)]
Caller = Annotated[Any, Depends(_caller)]
RunId = Annotated[str, Path(description="Id of a run.", pattern=RUN_PATTERN, examples=[RUN_EXAMPLE])]
PlanHash = Annotated[
    str, Path(description="SHA-256 of a plan, in lower case.", pattern=HASH_PATTERN, examples=[PLAN_EXAMPLE])
]
ArtifactHash = Annotated[
    str, Path(description="SHA-256 of an artifact, in lower case.", pattern=HASH_PATTERN, examples=[ARTIFACT_EXAMPLE])
]
NodeName = Annotated[
    str, Path(description="Name of a node of the plan.", max_length=255, pattern=NAME_PATTERN, examples=["greet"])
]
OutputName = Annotated[
    str, Path(description="Name of an output of the node.", max_length=255, pattern=NAME_PATTERN, examples=["result"])
]
