"""Everything that this service raises."""


class ActionServiceError(Exception):
    """The parent of all errors of this package."""


class UnknownPool(ActionServiceError):
    """A worker asked for a pool that this process does not serve."""

    def __init__(self, pool: str, served: list[str]) -> None:
        super().__init__(
            f"pool {pool!r} is not served here (served: {', '.join(served) or 'none'}); "
            "start the worker with one of these pools, or add the pool to this service's settings"
        )
        self.pool, self.served = pool, served


class NotOwner(ActionServiceError):
    """Another process holds the lease of the pool."""

    def __init__(self, pool: str, address: str) -> None:
        where = address or "nobody at the moment"
        super().__init__(f"pool {pool!r} is owned by {where}; connect there, or try again in a few seconds")
        self.pool, self.address = pool, address


class BadWorker(ActionServiceError):
    """What a worker sent cannot be honoured: a malformed message, or one about somebody else."""


class SessionClosed(ActionServiceError):
    """The worker's connection has been replaced or closed; it must connect and register again."""

    def __init__(self, worker: str) -> None:
        super().__init__(f"the connection of worker {worker!r} is closed; connect and register again")
        self.worker = worker
