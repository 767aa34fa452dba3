"""Everything that can go wrong in the Action Service."""

from penstock_proto.wire import OWNER_TRAILER, RETRY_AFTER_TRAILER
from penstock_service.answers import Answer


class ActionServiceError(Answer):
    """Base of the package's errors."""


class UnknownPool(ActionServiceError):
    """A worker asked for a pool that this process does not serve."""

    status = "NOT_FOUND"

    def __init__(self, pool: str, served: list[str]) -> None:
        super().__init__(
            f"pool {pool!r} is not served here (served: {', '.join(served) or 'none'}); "
            "start the worker with one of these pools, or add the pool to this service's settings"
        )
        self.pool, self.served = pool, served


class NotOwner(ActionServiceError):
    """Another process holds the lease of the pool, or no process at the moment."""

    status = "FAILED_PRECONDITION"

    def __init__(self, pool: str, address: str) -> None:
        remedy = (
            f"is owned by {address}; connect there" if address else "has no owner at the moment; retry in a few seconds"
        )
        super().__init__(f"pool {pool!r} {remedy}")
        self.pool, self.address = pool, address

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return ((OWNER_TRAILER, self.address),) if self.address else ()


class BadWorker(ActionServiceError):
    """A worker sent an invalid message: a malformed one, or one about another worker."""

    status = "INVALID_ARGUMENT"


class NameTaken(ActionServiceError):
    """Another worker with this name is connected."""

    status = "ALREADY_EXISTS"

    def __init__(self, worker: str, pool: str, host: str, silent_s: float, gone_after_s: float) -> None:
        super().__init__(
            f"a worker named {worker!r} is already connected to pool {pool!r}: host and process {host or 'unknown'}, "
            f"last heartbeat {silent_s:.1f} s ago; start this worker with another --name, or stop the other one"
        )
        self.worker, self.pool, self.host = worker, pool, host
        self.retry_after_s = max(0.0, gone_after_s - silent_s)

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return ((RETRY_AFTER_TRAILER, f"{self.retry_after_s:.3f}"),)


class SessionClosed(ActionServiceError):
    """The worker's connection has been replaced or given up; it must connect and register again."""

    status = "ABORTED"

    def __init__(self, worker: str) -> None:
        super().__init__(f"the connection of worker {worker!r} is closed; connect and register again")
        self.worker = worker


class TrackerAway(ActionServiceError):
    """No State Tracker responds; a later retry can succeed."""

    status = "UNAVAILABLE"

    def __init__(self, why: str, *, too_large: bool = False) -> None:
        super().__init__(f"the State Tracker does not respond: {why}")
        self.too_large = too_large


class BadRequest(ActionServiceError):
    """The request is invalid."""

    status = "INVALID_ARGUMENT"
