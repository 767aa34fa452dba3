"""What can go wrong with the stack as a whole, in words for whoever started it."""


class StackError(Exception):
    """The base of this package's errors."""


class PostgresFailed(StackError):
    """The embedded Postgres cannot start or be used; the text says why and what to do."""
