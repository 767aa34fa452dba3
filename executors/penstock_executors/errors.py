"""What can go wrong in a worker: each error names the thing and the remedy."""

from pathlib import Path


class ExecutorError(Exception):
    """Base of all errors of this package."""


class NoSuchExecutor(ExecutorError):
    """No installed package offers an executor of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"no executor {name!r}; installed: {', '.join(known) or 'none'}. Install the package that offers it"
        )
        self.name = name


class FolderInUse(ExecutorError):
    """Another worker works in this folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"the folder {folder} is in use by {holder}; give this worker another --name or --folder, or stop that one"
        )
        self.folder, self.holder = folder, holder


class NameTaken(ExecutorError):
    """A worker of this name lives somewhere else."""


class TrackersAway(ExecutorError):
    """No State Tracker answers as it should; asking again later helps."""

    def __init__(self, text: str, *, too_much: bool = False) -> None:
        super().__init__(f"no State Tracker answers: {text}")
        self.too_much = too_much


class NotRecorded(ExecutorError):
    """Every State Tracker answers that it does not have it."""


class BadPlan(ExecutorError):
    """What came as a plan is another one."""

    def __init__(self, plan: bytes) -> None:
        super().__init__(f"the bytes of plan {plan.hex()[:12]} do not have this hash")
        self.plan = plan
