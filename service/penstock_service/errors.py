"""The errors of every service process."""

from penstock_proto.wire import RETRY_AFTER_TRAILER

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


class DatabaseBusy(ServiceError, Answer):
    """Postgres has more of this kind to answer than is good; asking again later helps."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(f"{what}; try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return ((RETRY_AFTER_TRAILER, f"{self.retry_after_s:g}"),)


class NotWriter(ServiceError):
    """Another process writes the tables now, or the connection that proved otherwise was lost."""


class MigrationFailed(ServiceError):
    """A migration could not be applied, or the database does not match the code."""


class PlanNotRead(ServiceError):
    """No State Tracker answers with the plan."""

    def __init__(self, plan_hash: bytes, reason: str) -> None:
        super().__init__(f"plan {plan_hash.hex()[:12]} cannot be read: {reason}")
        self.plan_hash = plan_hash


class RunTeamUnknown(ServiceError, Answer):
    """No State Tracker says which team a run belongs to."""

    status = "UNAVAILABLE"

    def __init__(self, why: str) -> None:
        super().__init__(f"no State Tracker says which team the run belongs to: {why}")
