"""What surrounds an operator while it executes: who it is, and where it may keep files."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..declare import recorder
from ..errors import NotInOperator

if TYPE_CHECKING:
    from ..codecs.encoded import Buffer, Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext:
    """The action that executes.

    Attributes:
        run: Id of the run.
        node: Name of the node, as `penstock show` prints it.
        operator: "module:name" of the operator.
        attempt: 1 for the first; attempts that were lost count as well.
        team: Team of the run.
        worker: Name of the worker.
    """

    run: uuid.UUID
    node: str
    operator: str
    attempt: int
    team: str
    worker: str
    folder: Path = field(repr=False)

    @property
    def scratch(self) -> Path:
        """A folder on the worker's disk for this node of this run, made when it is first asked for.

        The next attempt finds what it holds if it executes on the same worker, and nothing on another one;
        `penstock.checkpoint` is for all workers. It is removed once the node has succeeded or the run has ended.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder


class Execution(Protocol):
    """An action, as the process that executes it knows it."""

    def context(self) -> OperatorContext:
        """Who the operator is."""
        ...

    def report(self, done: float, total: float, text: str) -> None:
        """Say how far it is; a `total` that is not a number: unknown."""
        ...

    def keep(self, encoded: Encoded) -> None:
        """Keep a checkpoint durably in place of the one before."""
        ...

    def secret(self, name: str) -> str:
        """Return the value of a secret that the operator declares; raise SecretUnavailable."""
        ...

    def kept(self) -> tuple[str, Buffer] | None:
        """Codec and bytes of the checkpoint; None: there is none."""
        ...


# One action at a time executes in a process, whatever threads it starts.
_current: Execution | None = None


def context() -> OperatorContext:
    """Return who the operator is that executes: its run, node, attempt and team, and its scratch folder.

    Raises:
        NotInOperator: No operator executes here. In a test, `with penstock.testing.context():` stands for one.
    """
    if (execution := current("context")) is None:
        raise NotInOperator("penstock.context() was called outside of an operator that Penstock executes")
    return execution.context()


def current(function: str) -> Execution | None:
    """Return the action that executes; None where an operator is called as a plain function.

    Raises:
        NotInOperator: `function` was called in the body of a workflow.
    """
    if _current is None and recorder.current.get() is not None:
        raise NotInOperator(f"penstock.{function}() was called in the body of a workflow, which executes nothing")
    return _current


def enter(execution: Execution | None) -> Execution | None:
    """Let an action be the one that executes; return the one before."""
    global _current
    before, _current = _current, execution
    return before


@contextmanager
def execute_as(execution: Execution) -> Generator[None]:
    """Let an action be the one that executes, until the block ends."""
    before = enter(execution)
    try:
        yield
    finally:
        enter(before)
