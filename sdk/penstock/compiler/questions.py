"""Questions that Python answers without asking the object: `x is None`, `isinstance(x, int)`, `match x`.

A future cannot refuse them, and the answer about a future is not that about its value. So the body of a workflow, and
the functions that it may call, are compiled once more for the time of a trace, with each such question asked through
one of the functions below. Everything else of them stays as it is, also their lines.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from copy import deepcopy
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, cast

from ..declare import modules
from ..declare.operators import Operator
from ..declare.workflows import Workflow, workflow_of
from .future import CONTROL, Future, refuse
from .sources import codes_in

FILES_MAX: Final = 256
ITEMS_MAX: Final = 1_000  # of a list or dict of functions
_LIBRARY_QUESTIONS: Final = ("is", "has", "not")
_NONE: Final = (
    "Python decides it while the workflow is compiled, before any value exists: declare the default that is meant "
    "(seed: int = 42), or let the operator decide what None means"
)
_MARK: Final = "penstock question "
_lock = threading.Lock()
_swapped: dict[FunctionType, tuple[CodeType, int]] = {}  # what it had before, and how many traces are under way


def _is_same(left: object, right: object) -> bool:
    if left is right:
        return True
    for each, other in ((left, right), (right, left)):
        if isinstance(each, Future):
            refuse(each, "compared (is)", _NONE if other is None else CONTROL)
    return False


def _compared(value: object) -> object:
    """An operand of a longer comparison."""
    if isinstance(value, Future):
        refuse(value, "compared (is)", CONTROL)
    return value


def _is_within(value: object, container: Any) -> bool:
    found = value in container
    if isinstance(value, Future) and not found and not any(isinstance(each, Future) for each in container):
        refuse(value, "searched (in)", CONTROL)
    return found


def _asked(value: object, question: str) -> object:
    if isinstance(value, Future):
        refuse(value, f"asked ({question})", CONTROL)
    return value


def _given(function: Any, value: object, question: str) -> object:
    """An argument of what may be a question of a library, such as `pandas.isna`."""
    if isinstance(value, Future) and not isinstance(function, Operator | Workflow) and not _is_users(function):
        refuse(value, f"asked ({question})", CONTROL)
    return value


def _key(mapping: Any, value: object) -> object:
    if isinstance(value, Future) and isinstance(mapping, Mapping) and value not in mapping:
        refuse(value, "used as a key", CONTROL)
    return value


def _got(mapping: dict[Any, Any], *arguments: Any) -> Any:
    """What a dict that was written in place has."""
    return mapping.get(_key(mapping, arguments[0]), *arguments[1:])


def _matched(subject: object, patterns: list[ast.pattern]) -> object:
    for pattern in patterns:
        if (future := _met(subject, pattern)) is not None:
            refuse(future, "matched (match)", CONTROL)
    return subject


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    each.__name__: each for each in (_is_same, _compared, _is_within, _asked, _given, _key, _got, _matched)
}


def _met(value: Any, pattern: ast.pattern | None) -> Future | None:
    """The first future that a pattern asks something about, instead of only naming it."""
    pairs: list[tuple[Any, ast.pattern | None]] = []
    match pattern:
        case None | ast.MatchStar() | ast.MatchAs(pattern=None):
            return None
        case ast.MatchAs(pattern=inner):
            return _met(value, inner)
        case ast.MatchOr(patterns=several):
            pairs = [(value, each) for each in several]
        case _ if isinstance(value, Future):
            return value
        case ast.MatchSequence(patterns=several) if isinstance(value, list | tuple):
            pairs = list(zip(cast("list[Any]", value), several, strict=False))
        case ast.MatchMapping(keys=keys, patterns=several) if isinstance(value, Mapping):
            known = cast("Mapping[Any, Any]", value)
            plain = [
                (key.value, each) for key, each in zip(keys, several, strict=True) if isinstance(key, ast.Constant)
            ]
            pairs = [(known.get(key), each) for key, each in plain]
        case ast.MatchClass(patterns=several, kwd_attrs=names, kwd_patterns=named):
            args = [*zip(getattr(value, "__match_args__", ()), several, strict=False), *zip(names, named, strict=True)]
            pairs = [(getattr(value, name, None), each) for name, each in args]
        case _:
            return None
    return next((found for each, inner in pairs if (found := _met(each, inner)) is not None), None)


class _Rewriter(ast.NodeTransformer):
    """Puts our functions around what asks."""

    def __init__(self) -> None:
        self.patterns: list[list[ast.pattern]] = []
        self.count = 0

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        match node.ops:
            case [ast.Is()]:
                return self._call(node, _is_same, node.left, *node.comparators)
            case [ast.IsNot()]:
                return self._negated(node, self._call(node, _is_same, node.left, *node.comparators))
            case [ast.In()]:
                return self._call(node, _is_within, node.left, *node.comparators)
            case [ast.NotIn()]:
                return self._negated(node, self._call(node, _is_within, node.left, *node.comparators))
            case ops if any(isinstance(op, ast.Is | ast.IsNot) for op in ops):
                node.left = self._call(node.left, _compared, node.left)
                node.comparators = [self._call(each, _compared, each) for each in node.comparators]
            case _:
                pass
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not node.args or isinstance(node.args[0], ast.Starred):
            return node
        first = node.args[0]
        match node.func:
            case ast.Name(id="isinstance" | "issubclass" | "callable" as name):
                node.args[0] = self._call(first, _asked, first, ast.Constant(name))
            case ast.Name(id="type") if len(node.args) == 1:
                node.args[0] = self._call(first, _asked, first, ast.Constant("type"))
            case ast.Attribute(value=mapping, attr="get") if _is_plain(mapping):
                node.args[0] = self._call(first, _key, deepcopy(mapping), first)
            case ast.Attribute(value=ast.Dict() as mapping, attr="get") if not node.keywords:
                return self._call(node, _got, mapping, *node.args)
            case (ast.Name(id=name) | ast.Attribute(attr=name)) as function if name.startswith(
                _LIBRARY_QUESTIONS
            ) and _is_plain(function):
                for index, each in enumerate(node.args):
                    if not isinstance(each, ast.Starred):
                        node.args[index] = self._call(each, _given, deepcopy(function), each, ast.Constant(name))
            case _:
                pass
        return node

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        self.generic_visit(node)
        mark = ast.Constant(f"{_MARK}{len(self.patterns)}")
        self.patterns.append([case.pattern for case in node.cases])
        node.subject = self._call(node.subject, _matched, node.subject, mark)
        return node

    def _call(self, at: ast.expr, function: Callable[..., Any], *args: ast.expr) -> ast.expr:
        self.count += 1
        name = ast.Constant(_MARK + function.__name__)
        made = ast.Call(name, list(args), [])
        for each in (made, name, *args):
            ast.copy_location(each, at) if not hasattr(each, "lineno") else None
        return ast.fix_missing_locations(made)

    def _negated(self, at: ast.expr, call: ast.expr) -> ast.expr:
        return ast.copy_location(ast.UnaryOp(ast.copy_location(ast.Not(), at), call), at)


def _is_plain(node: ast.expr) -> bool:
    """Whether it can be evaluated twice: a name, or attributes of one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


@contextlib.contextmanager
def refuse_futures(workflow: Workflow[..., Any]) -> Generator[None]:
    """Meanwhile, questions about a future raise FutureUsedAsValue in the workflow's body and in what it calls."""
    functions = [each for each in _reachable(workflow) if not modules.is_library(each.__code__.co_filename)]
    with _lock:
        mine = [function for function in functions if _swap(function)]
    try:
        yield
    finally:
        with _lock:
            for function in mine:
                before, count = _swapped.pop(function)
                if count > 1:
                    _swapped[function] = before, count - 1
                else:
                    function.__code__ = before


def _swap(function: FunctionType) -> bool:
    if function in _swapped:
        before, count = _swapped[function]
        _swapped[function] = before, count + 1
        return True
    code = function.__code__
    asking = _rewritten(code.co_filename, tuple(linecache.getlines(code.co_filename))).get(code)
    if asking is None:
        return False
    _swapped[function] = code, 1
    function.__code__ = asking
    return True


@functools.lru_cache(FILES_MAX)
def _rewritten(file: str, lines: tuple[str, ...]) -> dict[CodeType, CodeType]:
    """Code as Python compiles it, and the same with questions asked by us; a file that changed since has others."""
    source = "".join(lines)
    try:
        tree, rewriter = ast.parse(source), _Rewriter()
        changed = rewriter.visit(ast.parse(source))
        if not rewriter.count:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # texts are called, until they are replaced
            plain = compile(tree, file, "exec", dont_inherit=True)
            asking = compile(changed, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    pairs = zip(codes_in(plain), codes_in(asking), strict=True)
    return {one: _resolved(other, rewriter.patterns) for one, other in pairs}


def _resolved(code: CodeType, patterns: list[list[ast.pattern]]) -> CodeType:
    """With our functions in place of the texts that stand for them."""

    def constant(each: Any) -> Any:
        if isinstance(each, CodeType):
            return _resolved(each, patterns)
        if not (isinstance(each, str) and each.startswith(_MARK)):
            return each
        name = each.removeprefix(_MARK)
        return patterns[int(name)] if name.isdecimal() else _FUNCTIONS[name]

    return code.replace(co_consts=tuple(map(constant, code.co_consts)))


def _reachable(workflow: Workflow[..., Any]) -> list[FunctionType]:
    """Functions of users that the body may call, as far as their names tell."""
    found: dict[FunctionType, None] = {}
    seen: set[int] = set()
    waiting: list[Any] = [workflow]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, Operator):
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType) and not modules.is_library(value.__code__.co_filename):
            found[value] = None
            waiting += _named(value)
        waiting += _parts(value)
    return list(found)


def _parts(value: Any) -> list[Any]:
    """What a value calls when it is called, or one of its methods."""
    parts: list[Any] = [getattr(value, "__wrapped__", None)] if callable(value) else []
    match value:
        case Workflow():
            parts += [value.fn, value.cls]  # pyright: ignore[reportUnknownMemberType]
        case functools.partial():
            parts.append(value.func)  # pyright: ignore[reportUnknownMemberType]
        case MethodType():
            parts.append(value.__func__)
        case staticmethod() | classmethod():
            parts.append(value.__func__)  # pyright: ignore[reportUnknownMemberType]
        case property():
            parts.append(value.fget)
        case functools.cached_property():
            parts.append(value.func)  # pyright: ignore[reportUnknownMemberType]
        case type() if _is_users(value) or workflow_of(value) is not None:
            parts += [*vars(value).values(), *value.__mro__[1:]]
        case list() | tuple() | set() if len(value) <= ITEMS_MAX:  # pyright: ignore[reportUnknownArgumentType]
            parts += value
        case dict() if len(value) <= ITEMS_MAX:  # pyright: ignore[reportUnknownArgumentType]
            parts += value.values()
        case _ if not isinstance(value, type | ModuleType) and _is_users(type(value)):
            parts.append(type(value))
        case _:
            pass
    return [each for each in parts if each is not None]


def _named(function: FunctionType) -> list[Any]:
    """What the names in a function stand for: globals, what they have of these names, and enclosing variables."""
    codes = [function.__code__, *codes_in(function.__code__)]
    names = {name for code in codes for name in code.co_names}
    known = [function.__globals__[name] for name in names if name in function.__globals__]
    for module in [each for each in known if isinstance(each, ModuleType) and modules.is_users(each)]:
        known += [vars(module)[name] for name in names if name in vars(module)]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not set yet
            known.append(cell.cell_contents)
    return [each for each in known if not isinstance(each, ModuleType)]


def _is_users(value: Any) -> bool:
    """Whether a function or class is somebody's own."""
    code = getattr(value, "__code__", None)
    if isinstance(code, CodeType):
        return not modules.is_library(code.co_filename)
    return modules.is_users(sys.modules.get(getattr(value, "__module__", None) or "", None))
