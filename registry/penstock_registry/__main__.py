"""`penstock-registry`: one registry as a process of its own."""

import sys

from penstock_access.rules import Of
from penstock_service import process
from penstock_service.database import ABSENT, TROUBLE
from penstock_service.errors import DatabaseAway
from penstock_service.process import Process, retry_until_available
from penstock_stream.kafka.security import use_security

from .app import Registry
from .errors import RegistryError
from .settings import Settings


async def start(settings: Settings, here: Process) -> None:
    """Answer once the tables are there."""
    use_security(settings.kafka_security)
    registry = Registry(
        settings.database_url,
        settings.state_trackers,
        is_authority=settings.access,
        people=settings.people,
        broker=settings.broker,
    )
    here.stop(registry.stop)
    await retry_until_available(registry.start, (*ABSENT, DatabaseAway), "Postgres")
    await here.serve(settings, registry.register, {Of.WORKFLOW: registry.team_of})
    here.ready = lambda: registry.is_ready


def main() -> int:
    return process.run(Settings, start, (RegistryError, *TROUBLE))


if __name__ == "__main__":
    sys.exit(main())
