"""The gateway, assembled: one per process, on one event loop."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from penstock.client import ClientError
from penstock_proto.tls import Tls
from starlette.exceptions import HTTPException

from .api import (
    access,
    artifacts,
    cache,
    deployment,
    lineage,
    logs,
    many_runs,
    nodes,
    notifications,
    overview,
    past,
    plans,
    pools,
    references,
    registered_types,
    repair,
    results,
    runs,
    session,
    shown,
    signals,
    streams,
    triggers,
    uploads,
    workflows,
)
from .api.context import Context
from .api.description import describe
from .callers import Callers
from .edge import console
from .edge.guard import Guard
from .edge.pages import Pages
from .edge.problems import handle_error
from .edge.server import HttpServer
from .edge.sign_in import SignIn, SignInOptions
from .edge.triggers import Trigger
from .errors import GatewayError
from .live.feeds import Feeds, Room
from .live.run_changes import RunChanges
from .live.views import Views
from .settings import ARTIFACT_BYTES_MAX, UPLOAD_BYTES_MAX
from .upstream import Upstream

ROUTERS: Final[Sequence[APIRouter]] = tuple(
    part.router
    for part in (
        workflows,
        registered_types,
        many_runs,
        runs,
        signals,
        past,
        results,
        nodes,
        overview,
        references,
        repair,
        cache,
        logs,
        streams,
        plans,
        artifacts,
        lineage,
        uploads,
        triggers,
        pools,
        notifications,
        deployment,
        access,
        session,
        console,
    )
)


class Gateway:
    """The REST API of a deployment.

    Args:
        state_tracker: HOST:PORT of State Trackers, separated by commas, or of an embedded stack.
        hosts, origins: As `http_hosts` and `http_origins` of the settings.
        action_services, artifact_store, registry: Where they are, unless the State Tracker says so.
        sign_in: How people sign in with a browser; None: they do not.
        tls: Certificate and key for HTTPS; None: HTTP.
        is_port_shared: As `http_port_shared` of the settings.
    """

    def __init__(
        self,
        state_tracker: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        action_services: Sequence[str] = (),
        artifact_store: str = "",
        registry: str = "",
        artifact_bytes_max: int = ARTIFACT_BYTES_MAX,
        upload_bytes_max: int = UPLOAD_BYTES_MAX,
        sign_in: SignInOptions | None = None,
        tls: Tls | None = None,
        triggers: Mapping[str, Trigger] = MappingProxyType({}),
        is_port_shared: bool = False,
    ) -> None:
        self._state_tracker = state_tracker
        self._places = {
            "action_service": list(action_services),
            "artifact_store": [artifact_store] if artifact_store else [],
            "registry": [registry] if registry else [],
        }
        self._client = self._connect("")
        self._room = Room()
        self._triggers = triggers
        self._callers = Callers(self._context)
        self._artifact_bytes_max, self._upload_bytes_max = artifact_bytes_max, upload_bytes_max
        self._pages: Pages | None = None
        self._deployment_id, self._shards = "", 0
        self._app = make_app()
        self._app.state.sign_in = None if sign_in is None else SignIn(sign_in)
        own = [] if sign_in is None else [urlsplit(sign_in.url).hostname or ""]
        guard = Guard(self._app, [*hosts, *own], origins)
        self._server = HttpServer(guard, host, port, tls, is_shared=is_port_shared)

    @property
    def address(self) -> str:
        """HOST:PORT of the REST API, once started."""
        return self._server.address

    async def start(self) -> None:
        """Listen, once a State Tracker has said which deployment this is; raise PortInUse, Unreachable."""
        found = await self._client.info()
        self._pages = Pages(found.deployment_id)
        self._deployment_id, self._shards = found.deployment_id, found.shards
        self._app.state.callers = self._callers
        await self._server.start()

    async def stop(self) -> None:
        """End the streams of events, answer what is being answered, and close."""
        await self._callers.close()
        await self._server.stop()
        await self._client.close()

    def _connect(self, token: str) -> Upstream:
        program = f"penstock-gateway/{version('penstock-gateway')}"
        client = Upstream(self._state_tracker, program=program, token=token)
        client.connection.places.update(self._places)
        return client

    def _context(self, token: str) -> Context:
        """Return what requests with a token work with: the calls that they cause carry it unchanged."""
        assert self._pages is not None, "requests come after the start"
        client = self._connect(token)
        return Context(
            client=client,
            pages=self._pages,
            feeds=Feeds(client, self._room),
            views=Views(client),
            run_changes=RunChanges(client.ask_history, shown.listed),
            deployment_id=self._deployment_id,
            shards=self._shards,
            artifact_bytes_max=self._artifact_bytes_max,
            upload_bytes_max=self._upload_bytes_max,
            triggers=self._triggers,
        )


def make_app() -> FastAPI:
    """Return the application without its guard: what OpenAPI describes."""
    app = FastAPI(
        title="Penstock",
        version=version("penstock-gateway"),
        description="Launch, watch, search and cancel runs of machine-learning workflows. Where access control is on, "
        "every request carries `Authorization: Bearer TOKEN` with an API token or an access token.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (deployment.well_known, *ROUTERS):
        app.router.routes.extend(router.routes)
    for kind in (GatewayError, ClientError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, handle_error)
    app.openapi = lambda: describe(app)
    return app
