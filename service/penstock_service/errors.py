"""The errors of every service process."""

from .answers import Answer


class ServiceError(Exception):
    """Base of this package's errors."""


class PortInUse(ServiceError):
    """The address that a server should listen on is taken."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"cannot listen on {address}: the port is in use. Stop the other process or choose another port."
        )
        self.address = address


class DatabaseAway(ServiceError, Answer):
    """Postgres does not respond; the service keeps retrying."""

    status = "UNAVAILABLE"

    def __init__(self, why: str) -> None:
        super().__init__(f"the database is unavailable, retrying: {why}")


class MigrationFailed(ServiceError):
    """A migration could not be applied, or the database does not match the code."""
