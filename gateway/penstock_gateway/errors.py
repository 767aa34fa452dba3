"""What can go wrong in the gateway."""


class GatewayError(Exception):
    """Base of this package's errors."""


class TooManyWatchers(GatewayError):
    """This process serves as many streams of events as it may."""
