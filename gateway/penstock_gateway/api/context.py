"""What routes have in common: what they work with, and the parameters of their paths."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Header, Path
from penstock.client import AsyncClient
from penstock.client.identity import user_name
from penstock_proto.state_tracker.v1 import events_pb2
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request

from ..edge.pages import Pages
from ..edge.remembered import Remembered
from ..live.feeds import Feeds
from ..live.views import Views

NAME_CHARS_MAX: Final = 200
RUN_PATTERN: Final = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
HASH_PATTERN: Final = r"^[0-9a-f]{64}$"
# No control characters: they have no place in names, and Postgres takes no zero byte.
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
RUN_EXAMPLE: Final = "01933f4e-7c1a-7b3c-9d2e-5f6071829304"
CLIENT: Final = "penstock-gateway"
# Laid-out plans, and sizes of artifacts, that are remembered.
GRAPHS_MAX: Final = 32
SIZES_MAX: Final = 10_000


class _Part(Convertor[str]):
    """A part of a path up to a colon: `/runs/{run:part}:cancel` is another path than `/runs/{run:part}`."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("part", _Part())


@dataclass(frozen=True, slots=True)
class Context:
    """What all requests of a process share.

    Attributes:
        deployment_id: Of the deployment that the gateway belongs to.
    """

    client: AsyncClient
    pages: Pages
    feeds: Feeds
    deployment_id: str
    shards: int
    artifact_bytes_max: int
    views: Views
    graphs: Remembered[dict[str, Any]] = field(default_factory=lambda: Remembered[dict[str, Any]](GRAPHS_MAX))
    sizes: Remembered[int] = field(default_factory=lambda: Remembered[int](SIZES_MAX))
    # Held by the one look at the deployment that goes on.
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)


def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


def _caller(
    request: Request,
    user: Annotated[
        str | None,
        Header(
            alias="Penstock-User",
            description="Name of the user, recorded with what the request causes; nobody checks it yet. "
            "Default: the user that the gateway runs as.",
            max_length=NAME_CHARS_MAX,
            pattern=r"^[ -~]+$",
        ),
    ] = None,
) -> events_pb2.Caller:
    program = request.headers.get("user-agent", "")[:NAME_CHARS_MAX] or CLIENT
    return events_pb2.Caller(user=user or user_name(), client=program)


Here = Annotated[Context, Depends(_context)]
Caller = Annotated[Any, Depends(_caller)]
RunId = Annotated[str, Path(description="Id of a run.", pattern=RUN_PATTERN, examples=[RUN_EXAMPLE])]
Hash = Annotated[str, Path(description="SHA-256 in hexadecimal, lower case.", pattern=HASH_PATTERN)]
NodeName = Annotated[str, Path(description="Name of a node of the plan.", max_length=255, pattern=NAME_PATTERN)]
