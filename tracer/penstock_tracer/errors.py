"""What can go wrong in the tracer."""


class TracerError(Exception):
    """Base of this package's errors."""


class BadBookmark(TracerError):
    """The file that says how far the tracer came is not one, or of another deployment."""
