"""`penstock-artifact-store`: the store as a process of its own."""

import sys

from penstock_access.rules import Of
from penstock_proto.artifact_store.v1 import service_pb2
from penstock_service import grpc_server, process
from penstock_service.guard import by_run
from penstock_service.process import Process
from penstock_service.state_trackers import RunTeams

from . import measures
from .errors import ArtifactStoreError
from .service import add_to_server
from .settings import Settings
from .store import LocalStore


async def start(settings: Settings, here: Process) -> None:
    """Serve the folder."""
    store = LocalStore(settings.artifact_folder.expanduser().absolute())

    here.stops.callback(measures.register(store))

    def register(server: grpc_server.Server) -> None:
        add_to_server(store, server.grpc)
        server.serves(service_pb2.DESCRIPTOR.services_by_name["ArtifactStoreService"].full_name)

    teams = RunTeams(settings.state_trackers)
    here.stop(teams.close)
    await here.serve(settings, register, {Of.RUN: by_run(teams.of)})


def main() -> int:
    return process.run(Settings, start, (ArtifactStoreError,))


if __name__ == "__main__":
    sys.exit(main())
