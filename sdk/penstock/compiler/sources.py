"""The source of an operator, for telling whether its code changed."""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import textwrap
from collections.abc import Iterator
from types import CodeType

from ..declare.modules import Place


def source_hash(place: Place) -> bytes:
    """SHA-256 of the function or class declared there; empty where there is no source, as in a shell.

    The decorator `operator` is left out: a plan tells an operator's options anyhow.
    """
    lines = linecache.getlines(place.file)[place.line - 1 :]
    if not lines:
        return b""
    text = textwrap.dedent("".join(inspect.getblock(lines)))
    return hashlib.sha256(_without_options(text).encode()).digest()


def _without_options(text: str) -> str:
    try:
        declared = ast.parse(text).body[0]
    except (SyntaxError, IndexError):
        return text
    if not isinstance(declared, ast.FunctionDef | ast.ClassDef):
        return text
    others = [ast.unparse(each) for each in declared.decorator_list if not is_operator(each)]
    return "\n".join([*others, *text.splitlines()[declared.lineno - 1 :]])


def is_operator(decorator: ast.expr) -> bool:
    """Whether a decorator declares an operator."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(named) in ("operator", "penstock.operator")


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of each function, class and comprehension within, in the order of the source, outer ones first."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from codes_in(each)
