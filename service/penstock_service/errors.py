"""What can go wrong in any service's process."""


class ServiceError(Exception):
    """Base of this package's errors."""


class PortInUse(ServiceError):
    """The address that a server should listen on is taken."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"cannot listen on {address}: the port is in use. Stop the other process or choose another port."
        )
        self.address = address
