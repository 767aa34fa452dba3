"""The gateway, assembled: one per process, on one event loop."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from penstock.client import ClientError
from starlette.exceptions import HTTPException

from .api import (
    artifacts,
    deployment,
    logs,
    nodes,
    past,
    plans,
    pools,
    results,
    runs,
    shown,
    streams,
    uploads,
    workflows,
)
from .api.context import Context
from .api.description import describe
from .edge import console
from .edge.guard import Guard
from .edge.pages import Pages
from .edge.problems import handle_error
from .edge.server import HttpServer
from .errors import GatewayError
from .live.feeds import Feeds
from .live.run_changes import RunChanges
from .live.views import Views
from .settings import ARTIFACT_BYTES_MAX, UPLOAD_BYTES_MAX
from .upstream import Upstream

ROUTERS: Final[Sequence[APIRouter]] = tuple(
    part.router
    for part in (
        workflows,
        runs,
        past,
        results,
        nodes,
        logs,
        streams,
        plans,
        artifacts,
        uploads,
        pools,
        deployment,
        console,
    )
)


class Gateway:
    """The REST API of a deployment.

    Args:
        state_tracker: HOST:PORT of a State Tracker, or of an embedded stack.
        hosts, origins: As `http_hosts` and `http_origins` of the settings.
        action_services, artifact_store, registry: Where they are, unless the State Tracker says so.
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
    ) -> None:
        self._client = Upstream(state_tracker, program=f"penstock-gateway/{version('penstock-gateway')}")
        self._client.connection.places.update(
            action_service=list(action_services),
            artifact_store=[artifact_store] if artifact_store else [],
            registry=[registry] if registry else [],
        )
        self._feeds = Feeds(self._client)
        self._run_changes = RunChanges(self._client.ask_history, shown.listed)
        self._artifact_bytes_max, self._upload_bytes_max = artifact_bytes_max, upload_bytes_max
        self._app = make_app()
        self._server = HttpServer(Guard(self._app, hosts, origins), host, port)

    @property
    def address(self) -> str:
        """HOST:PORT of the REST API, once started."""
        return self._server.address

    async def start(self) -> None:
        """Listen, once a State Tracker has said which deployment this is; raise PortInUse, Unreachable."""
        found = await self._client.info()
        self._app.state.context = Context(
            client=self._client,
            pages=Pages(found.deployment_id),
            feeds=self._feeds,
            views=Views(self._client),
            run_changes=self._run_changes,
            deployment_id=found.deployment_id,
            shards=found.shards,
            artifact_bytes_max=self._artifact_bytes_max,
            upload_bytes_max=self._upload_bytes_max,
        )
        await self._server.start()

    async def stop(self) -> None:
        """End the streams of events, answer what is being answered, and close."""
        await self._feeds.close()
        await self._run_changes.close()
        await self._server.stop()
        await self._client.close()


def make_app() -> FastAPI:
    """Return the application without its guard: what OpenAPI describes."""
    app = FastAPI(
        title="Penstock",
        version=version("penstock-gateway"),
        description="Launch, watch, search and cancel runs of machine-learning workflows.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    for kind in (GatewayError, ClientError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, handle_error)
    app.openapi = lambda: describe(app)
    return app
