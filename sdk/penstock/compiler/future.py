"""Futures: what operator calls return while a workflow is traced. They stand for values that do not exist yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

from penstock_plan.refs import add_refs
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import INPUTS_NODE

from ..declare.modules import frame_at, user_frame
from ..declare.recorder import Recorder
from ..errors import CompileError, FutureUsedAsValue, UnknownOutput

WHOLE = -1  # all outputs of a node together, as the object that its operator returns
_IN_OPERATOR = "do it in an operator, which gets the value: write a small one and pass the future to it"
CONTROL = (
    "Python decides it while the workflow is compiled, before any value exists: put the decision into an operator, "
    "or decide by a plain Python value"
)
_LOOP = "how often to loop must be known at compile time: loop over plain Python values, or loop in an operator"


@dataclass(slots=True)
class Origin:
    """The node that a future comes from; -1 for an input of the run."""

    node: int
    name: str
    operator: str
    line: int
    outputs: Mapping[str, tuple[int, Any, int]]  # by name: position, annotation, type
    unpackable: bool = False
    # What stands for it, if that is no output of the node: an item of a list, or what the side of a branch has.
    expr: plan_pb2.Expr | None = None
    # Of the results of a map: the list of each output.
    collected: Collected | None = None


@dataclass(slots=True)
class Collected:
    """The results of a map's items."""

    map: int  # the map's node
    check: int | None = None  # the node that fails if too few items succeed
    gathers: dict[int, int] = field(default_factory=dict[int, int])  # by output: the node that collects the list


class Future:
    """One output of a node, all its outputs together, or an input of the run.

    It can be passed on, put into lists, dicts and records, and its named outputs read. Anything else needs its
    value and raises FutureUsedAsValue. Its own attributes are spelt so that no output's name can meet them.
    """

    __slots__ = ("penstock_annotation", "penstock_origin", "penstock_output", "penstock_trace", "penstock_type")

    def __init__(self, trace: Recorder, origin: Origin, output: int, annotation: Any, type: int) -> None:
        set_ = object.__setattr__
        set_(self, "penstock_trace", trace)
        set_(self, "penstock_origin", origin)
        set_(self, "penstock_output", output)
        set_(self, "penstock_annotation", annotation)
        set_(self, "penstock_type", type)

    def __repr__(self) -> str:
        return f"<future: {_named(self)}>"

    def __getattr__(self, name: str) -> Future:
        outputs = self.penstock_origin.outputs if self.penstock_output == WHOLE else {}
        found = outputs.get(name)
        if found is None:
            if name.startswith("__") and name.endswith("__"):  # Python asking what the object can do
                raise AttributeError(name)
            frame = user_frame(1)
            error = _unknown_output(self, name, list(outputs), frame)
            if frame is frame_at(1):  # counts even if the body asked by hasattr or getattr
                self.penstock_trace.errors.append(error)
            raise UnknownOutput("", [error])
        output, annotation, type_index = found
        return Future(self.penstock_trace, self.penstock_origin, output, annotation, type_index)

    def __iter__(self) -> Iterator[Future]:
        if self.penstock_output == WHOLE and self.penstock_origin.unpackable:
            return iter([getattr(self, name) for name in self.penstock_origin.outputs])
        refuse(self, "iterated over or unpacked", _LOOP + "; to unpack a result, return a NamedTuple")

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        refuse(self, "compared (==)", CONTROL)

    def __ne__(self, other: object) -> bool:
        if self is other:
            return False
        refuse(self, "compared (!=)", CONTROL)

    def __copy__(self) -> Future:
        return self

    def __deepcopy__(self, memo: object) -> Future:
        return self

    def __reduce__(self) -> NoReturn:
        refuse(self, "pickled", "pass it to an operator instead")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        refuse(self, f"changed (.{name} = ...)", "values between operators never change: return a new one")

    def __delattr__(self, name: str) -> NoReturn:
        refuse(self, f"changed (del .{name})", "values between operators never change: return a new one")


def nodes_behind(future: Future) -> set[int]:
    """The nodes that a future's value comes from; none of an input of the run."""
    origin = future.penstock_origin
    found: set[int] = set()
    if origin.expr is not None:
        add_refs(origin.expr, found)
    elif origin.collected is not None:
        found.update(origin.collected.gathers.values())
    else:
        found.add(origin.node)
    return found - {INPUTS_NODE}


def _named(future: Future) -> str:
    """Which output of which node, or which input."""
    origin = future.penstock_origin
    if origin.node < 0:
        return f"input {origin.name!r}"
    if future.penstock_output == WHOLE:
        return f"the result of node {origin.name!r}"
    name = list(origin.outputs)[future.penstock_output]
    return (
        f"output {name!r} of node {origin.name!r}" if len(origin.outputs) > 1 else f"the result of node {origin.name!r}"
    )


def describe(future: Future) -> str:
    """Which future it is and the line that made it, for messages."""
    origin = future.penstock_origin
    return f"{_named(future)} (line {origin.line})" if origin.node >= 0 else _named(future)


def refuse(future: Future, use: str, remedy: str, depth: int = 2) -> NoReturn:
    """Raise FutureUsedAsValue at the line of the user's code, `depth` calls up."""
    frame = user_frame(depth)
    error = CompileError(
        problem=f"{describe(future)} was {use}, but has no value yet",
        operator=future.penstock_origin.operator,
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        remedy=remedy + _static_remedy(future),
    )
    if frame is frame_at(depth):  # not a library that only tries what the object can do
        future.penstock_trace.errors.append(error)  # counts even if the body catches the exception
    raise FutureUsedAsValue("", [error])


def _static_remedy(future: Future) -> str:
    if future.penstock_origin.node >= 0:
        return ""
    name = future.penstock_origin.name
    return f"; or declare {name}: penstock.Static[...], an input whose value the body has, since it shapes the plan"


def _unknown_output(future: Future, name: str, outputs: list[str], frame: FrameType) -> CompileError:
    if outputs:
        remedy = f"its outputs are {', '.join(outputs)}"
    else:
        remedy = (
            "read the attribute in an operator; an operator has named outputs if it returns a NamedTuple or dataclass"
        )
    return CompileError(
        problem=f"{describe(future)} has no output {name!r}",
        operator=future.penstock_origin.operator,
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        remedy=remedy,
    )


def _refusal(use: str, remedy: str) -> Callable[..., NoReturn]:
    def method(self: Future, *_: object, **__: object) -> NoReturn:
        refuse(self, use, remedy)

    return method


_ARITHMETIC = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "xor", "or"),
)
_REFUSED: dict[str, tuple[str, str]] = {
    "__bool__": ("used as a condition (if, while, and, or, not)", CONTROL),
    "__len__": ("asked for its length", _IN_OPERATOR),
    "__contains__": ("searched (in)", _IN_OPERATOR),
    "__getitem__": ("indexed", _IN_OPERATOR + "; named outputs are read as attributes"),
    "__setitem__": ("changed ([...] = ...)", "values between operators never change: return a new one"),
    "__delitem__": ("changed (del [...])", "values between operators never change: return a new one"),
    "__next__": ("iterated over", _LOOP),
    "__reversed__": ("iterated over", _LOOP),
    "__aiter__": ("iterated over", _LOOP),
    "__await__": ("awaited", "await is not needed: pass the future to an operator, and Penstock waits for it"),
    "__call__": ("called", _IN_OPERATOR),
    "__enter__": ("entered (with)", _IN_OPERATOR),
    "__exit__": ("entered (with)", _IN_OPERATOR),
    "__str__": ("turned into text (str, print, f-string)", "build the text in an operator; for debugging use repr()"),
    "__format__": ("turned into text (format, f-string)", "build the text in an operator; for debugging use {...!r}"),
    "__bytes__": ("turned into bytes", _IN_OPERATOR),
    "__fspath__": ("used as a path", "open the file in an operator"),
    "__array__": ("turned into an array", _IN_OPERATOR),
    **{
        f"__{name}__": (f"turned into a number ({name})", _IN_OPERATOR) for name in ("int", "float", "complex", "index")
    },
    **{f"__{name}__": ("rounded", _IN_OPERATOR) for name in ("round", "trunc", "floor", "ceil")},
    **{f"__{name}__": ("compared (<, >)", CONTROL) for name in ("lt", "le", "gt", "ge")},
    **{f"__{name}__": ("used in arithmetic", _IN_OPERATOR) for name in ("neg", "pos", "abs", "invert")},
    **{
        f"__{side}{name}__": ("used in arithmetic", _IN_OPERATOR)
        for name in _ARITHMETIC
        for side in ("", "r", "i")
        if (side, name) != ("i", "divmod")
    },
}

for _name, (_use, _remedy) in _REFUSED.items():
    setattr(Future, _name, _refusal(_use, _remedy))
