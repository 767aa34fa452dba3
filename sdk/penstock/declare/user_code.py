"""While code of users is imported, compiled or executed by Penstock, it cannot submit runs.

A worker imports the file of an operator, and so does `penstock check`. A file that submits a run while it is imported
would submit another run there, and another one for that, until no worker has room.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any, Final

from ..errors import SubmitsHere
from . import modules
from .recorder import current

_MAIN: Final = 'put that under `if __name__ == "__main__":`'
_BODY: Final = "a workflow only calls operators: submit the run outside of it"
_OPERATOR: Final = (
    "an operator that waits for a run holds the cores that the run needs: call the operators or the workflow in your "
    "workflow instead"
)
_importing: ContextVar[str] = ContextVar("penstock_importing", default="")
_declared: ContextVar[list[Any] | None] = ContextVar("penstock_declared", default=None)
_in_operator = False


@contextlib.contextmanager
def importing(name: str) -> Generator[list[Any]]:
    """User code of this name is imported meanwhile; yields the workflows that are declared."""
    declared: list[Any] = []
    tokens = _importing.set(name), _declared.set(declared)
    try:
        yield declared
    finally:
        _importing.reset(tokens[0])
        _declared.reset(tokens[1])


def note(workflow: Any) -> None:
    """A workflow is declared."""
    if (declared := _declared.get()) is not None:
        declared.append(workflow)


def is_in_operator() -> None:
    """This process executes operators, from now on."""
    global _in_operator
    _in_operator = True


def refuse_clients() -> None:
    """Raise SubmitsHere if it is the code of an operator, a workflow or an import that wants a client."""
    if name := _importing.get():
        when, remedy = f"while {name} is imported", _MAIN
    elif current.get() is not None:
        when, remedy = "while a workflow is compiled", _BODY
    elif _in_operator:
        when, remedy = "in an operator", _OPERATOR
    else:
        return
    place = modules.place_of(modules.user_frame(2))
    raise SubmitsHere(f"{os.path.basename(place.file)}, line {place.line}, uses a client {when}; {remedy}")
