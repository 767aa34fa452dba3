"""The errors of the notifications service."""

from penstock_service.answers import Answer


class NotificationsError(Answer):
    """Base of this package's errors."""


class BadRequest(NotificationsError):
    """A request makes no sense; the text says what to send instead."""

    status = "INVALID_ARGUMENT"


class Unknown(NotificationsError):
    """There is no channel, rule or delivery of this name."""

    status = "NOT_FOUND"


class NotAllowed(NotificationsError):
    """The caller lacks a role; the text names it."""

    status = "PERMISSION_DENIED"


class InUse(NotificationsError):
    """Something else needs it; the text names what."""

    status = "FAILED_PRECONDITION"


class NotDelivered(NotificationsError):
    """An attempt to send a message failed; it is repeated."""


class Undeliverable(NotDelivered):
    """Repeating would change nothing: the message is dead."""
