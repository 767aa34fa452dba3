"""Errors that are answers: callers over gRPC see their status, their text and their trailers."""

from typing import ClassVar, Final

# gRPC sends the text as a header, and headers are small.
DETAIL_CHARS_MAX: Final = 3_000


class Answer(Exception):
    """Base of what callers see as it is. Any other exception is answered as INTERNAL, without its text.

    Attributes:
        status: Name of a `grpc.StatusCode`.
    """

    status: ClassVar[str] = "INTERNAL"

    @property
    def detail(self) -> str:
        """The text for the caller."""
        return str(self)[:DETAIL_CHARS_MAX]

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Facts for the caller's program, such as whom to ask instead."""
        return ()
