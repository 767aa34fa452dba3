"""The errors of declaring, compiling, loading and testing a workflow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass


class PenstockError(Exception):
    """Base of all errors of the SDK."""


class InvalidDeclaration(PenstockError, ValueError):
    """The declaration of an operator or workflow is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class CompileError:
    """One problem of one call or declaration in a workflow."""

    problem: str
    operator: str = ""
    argument: str = ""
    expected: str = ""
    given: str = ""
    file: str = ""
    line: int = 0
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{_shown(self.file)}:{self.line}: " if self.file else ""
        what = f"{self.operator}({self.argument}): " if self.argument else self.operator and f"{self.operator}: "
        return f"{where}{what}{self.problem}" + (f"\n    {self.remedy}" if self.remedy else "")


class CompileErrors(PenstockError):
    """All problems of a workflow, in `errors`, in the order of the calls."""

    def __init__(self, workflow: str, errors: Iterable[CompileError]) -> None:
        super().__init__(workflow)
        self.workflow = workflow
        self.errors = list(errors)

    def __str__(self) -> str:
        count = "1 error" if len(self.errors) == 1 else f"{len(self.errors)} errors"
        return "\n".join([f"{count} in workflow {self.workflow or '?'}", *(f"  {error}" for error in self.errors)])


class FutureUsedAsValue(CompileErrors):
    """The body of a workflow needs a value that exists only when the run executes."""


class SubmitsHere(PenstockError):
    """Code that is imported, compiled or executed by Penstock wants to submit or watch runs."""


class UnknownOutput(CompileErrors, AttributeError):
    """A future has no output of that name."""


class InvalidInputs(PenstockError):
    """The inputs do not match the workflow; `problems` has one line each."""

    def __init__(self, workflow: str, problems: Iterable[str]) -> None:
        self.workflow, self.problems = workflow, list(problems)
        super().__init__(f"inputs of {workflow}: " + "; ".join(self.problems))


class OperatorFailed(PenstockError):
    """A node failed in `penstock.testing.run`: `text` has the user's traceback; `__cause__` is what was raised."""

    def __init__(self, node: str, operator: str, text: str) -> None:
        super().__init__(f"{text.rstrip()}\nin node {node!r}, operator {operator}")
        self.node, self.operator, self.text = node, operator, text


class NotInRun(PenstockError, RuntimeError):
    """Something that only a run can wait for was called as plain Python."""


class NotInOperator(PenstockError, RuntimeError):
    """What only an operator can ask or say was called elsewhere."""


class SecretUnavailable(PenstockError, RuntimeError):
    """A secret is missing, cannot be read, or is not declared; the text has its name, never its value."""


class CheckpointFailed(PenstockError):
    """A checkpoint could not be stored or read: the artifact store is full or does not respond."""


class GoldenDiffers(PenstockError, AssertionError):
    """A workflow's plan differs from its golden file; the message shows the differences."""


class LoadError(PenstockError):
    """A workflow could not be loaded from a file."""


class NoSuchFile(LoadError):
    """The file of `FILE.py:WORKFLOW` does not exist."""


class NoSuchWorkflow(LoadError):
    """The file has no workflow of this name, or none, or several and the name is missing."""


class NotImportable(LoadError):
    """The file raised while it was imported; the text shows the user's frames only."""


class BadGolden(LoadError):
    """A file is not a golden plan, or it has a newer version."""


def _shown(path: str) -> str:
    """Shorten a path below the current folder, as editors and people expect it."""
    if not os.path.isabs(path):
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
