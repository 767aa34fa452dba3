"""The errors of a worker: each names the thing and the remedy."""

from pathlib import Path


class ExecutorError(Exception):
    """Base of all errors of this package."""


class NoSuchExecutor(ExecutorError):
    """No installed package offers an executor of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"unknown executor {name!r}; installed: {', '.join(known) or 'none'}. Install the package that provides it"
        )
        self.name = name


class FolderInUse(ExecutorError):
    """Another worker works in this folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"the folder {folder} is in use by {holder}; start this worker with another --name or --folder, "
            "or stop the other one"
        )
        self.folder, self.holder = folder, holder


class NameTaken(ExecutorError):
    """A worker of this name lives somewhere else."""


class TrackersAway(ExecutorError):
    """No State Tracker responds as it should; a later retry can succeed."""

    def __init__(self, text: str, *, too_much: bool = False) -> None:
        super().__init__(f"no State Tracker responds: {text}")
        self.too_much = too_much


class NotRecorded(ExecutorError):
    """Every State Tracker answers that it does not have it."""


class BadPlan(ExecutorError):
    """The bytes of a plan do not have its hash."""

    def __init__(self, plan: bytes) -> None:
        super().__init__(f"the bytes of plan {plan.hex()[:12]} do not have this hash")
        self.plan = plan


class NoKey(ExecutorError):
    """What a call does depends on something that nobody knows: its result is not reused."""
