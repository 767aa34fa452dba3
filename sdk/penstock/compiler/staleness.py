"""Whether the code that this process imported is still that of its files: the one makes the plan, the other travels."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from ..declare.operators import operator_of
from ..declare.workflows import workflow_of
from ..errors import CompileError
from .imports import Found, imported_by, stamp_of
from .sources import codes_in

FILES_MAX = 1_024


class Seen(NamedTuple):
    """A module as it was compiled."""

    name: str
    file: Path
    stamp: tuple[int, int] | None
    spec: Any  # `importlib.reload` makes another one


def seen_now(names: Iterable[str], root: Path) -> tuple[Seen, ...]:
    """The modules of users that these import."""
    found = imported_by(names, root).modules.values()
    return tuple(Seen(each.name, each.file, stamp_of(each.file), _spec(each.name)) for each in found)


def is_reloaded(seen: Iterable[Seen]) -> bool:
    """Whether a file has changed and its module was imported again; what was only edited is not what is imported."""
    return any(stamp_of(each.file) != each.stamp and _spec(each.name) is not each.spec for each in seen)


def changed(found: Iterable[Found]) -> Iterator[CompileError]:
    """An error for each module whose file was edited after the import."""
    for each in found:
        module = sys.modules.get(each.name)
        if module is None or type(getattr(module, "__loader__", None)) is not SourceFileLoader:
            continue  # others may compile in their own way
        stamp = stamp_of(each.file)
        known = _codes(each.file, stamp) if stamp is not None else None
        if known is None:
            continue
        for function in _functions(module, str(each.file)):
            if function.__code__ not in known:
                problem = f"{each.file.name} has changed since it was imported"
                remedy = f"import it again: importlib.reload({each.name}), or start the program again"
                line = function.__code__.co_firstlineno
                yield CompileError(problem, function.__name__, file=str(each.file), line=line, remedy=remedy)
                break


def _spec(name: str) -> Any:
    return getattr(sys.modules.get(name), "__spec__", None)


def _functions(module: ModuleType, file: str) -> Iterator[FunctionType]:
    for value in list(vars(module).values()):
        declared = operator_of(value) or workflow_of(value)
        function = declared.fn if declared is not None else value
        is_own = isinstance(function, FunctionType) and function.__module__ == module.__name__
        if is_own and function.__code__.co_filename == file:
            yield function


@functools.lru_cache(FILES_MAX)
def _codes(file: Path, _stamp: tuple[int, int]) -> frozenset[CodeType] | None:
    try:
        return frozenset(codes_in(compile(file.read_bytes(), str(file), "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, OSError):
        return frozenset()  # half edited
