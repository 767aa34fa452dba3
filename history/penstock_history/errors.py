"""The errors of the history service."""

from penstock_service.answers import Answer


class HistoryError(Answer):
    """Base of this package's errors."""


class BadRequest(HistoryError):
    """A request makes no sense; the text says what to send instead."""

    status = "INVALID_ARGUMENT"


class RunNotFound(HistoryError):
    """No such run is known here."""

    status = "NOT_FOUND"

    def __init__(self, run_id: bytes) -> None:
        super().__init__(f"run {run_id.hex()} is not in the history; a run appears a moment after it was submitted")
