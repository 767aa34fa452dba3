"""The errors of the stack as a whole, for its user."""

from pathlib import Path


class StackError(Exception):
    """The base of this package's errors."""


class PostgresFailed(StackError):
    """The embedded Postgres cannot start or be used; the text says why and what to do."""


class FolderInUse(StackError):
    """Another stack runs on the same data folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"the data folder {folder} is in use by {who}: stop it, or choose another folder with --data")
        self.folder, self.holder = folder, holder


class FolderUnusable(StackError):
    """The data folder cannot be made or written."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"the data folder {folder} is not usable ({reason}): choose another folder with --data")
        self.folder = folder


class OtherVersion(StackError):
    """The data were written by a version that this one cannot continue."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"the data folder {folder} belongs to another version of Penstock ({reason}): "
            "use the version that made it, or choose another folder with --data"
        )
        self.folder = folder


class NotGuarded(StackError):
    """The stack would be open to other machines."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} can be reached from other machines, which requires --access and --tls")
        self.host = host


class NotStarted(StackError):
    """A part of the stack did not come up; the text says which, why and what to do."""
