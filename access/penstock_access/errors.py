"""The errors of this package."""


class AccessError(Exception):
    """Base of this package's errors."""


class BadToken(AccessError):
    """A token is not valid here. The message says why, and never quotes the token."""


class UnknownKey(BadToken):
    """A token names a key that is not known yet: it may be new."""

    def __init__(self, key_id: str) -> None:
        super().__init__("it is signed with an unknown key")
        self.key_id = key_id


class BadKeyFile(AccessError):
    """A file does not hold a service key, or others can read it."""
