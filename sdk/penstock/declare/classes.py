"""Operators and workflows that are classes: typed fields, and a method `run`.

`Name(fields).run(arguments)` is the call. Outside a compilation it is what it says; in one it adds to the plan what
the call of a function adds. What the decorator declares is kept on the class.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, NoReturn, Protocol, TypeVar

from ..errors import CompileErrors, InvalidDeclaration
from .declarable import DECLARATION, check_class, check_function, declaration_of
from .modules import frame_at, place_of, place_of_function, user_frame
from .recorder import Instance, Recorder, current
from .signatures import Problem

R_co = TypeVar("R_co", covariant=True)


class Runs(Protocol[R_co]):
    """What an instance of a workflow class can do."""

    @property
    def run(self) -> Callable[..., R_co]: ...


def declarer(what: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """Return what decorates a function or a class, called by the user's code or, with `depth=2`, by what that called.

    Args:
        make: Gets a function, the place of what was decorated, and `cls` if it is a class; returns the declaration.
    """

    def declare(declared: Any, depth: int = 1) -> Any:
        if isinstance(declared, type):
            function = adopt(declared, what)
            setattr(declared, DECLARATION, make(function, place_of(frame_at(depth)), cls=declared))
            return declared
        check_function(declared, what)
        return make(declared, place_of_function(declared))

    return declare


def adopt(cls: type[Any], what: str) -> Callable[..., Any]:
    """Let calls of the class be seen by workflows; return the function that makes an instance and runs it.

    The caller keeps what it declares on the class, as DECLARATION.

    Raises:
        InvalidDeclaration: It cannot be an operator or workflow.
    """
    check_class(cls, what)
    if "__dataclass_fields__" not in vars(cls):
        doc = cls.__doc__
        try:
            dataclasses.dataclass(cls)
        except (TypeError, ValueError) as error:
            raise InvalidDeclaration(f"{cls.__qualname__}: {error}") from None
        cls.__doc__ = doc  # a class without one was given its signature
    function = _function(cls)
    cls.__init__ = _constructor(cls.__init__)
    cls.run = _method(cls.run)
    return function


def seen(instance: Any) -> Instance:
    """The instance as a compilation sees it."""
    names = [field.name for field in dataclasses.fields(instance) if field.init]
    fields = {name: getattr(instance, name) for name in names if hasattr(instance, name)}
    return Instance(instance, fields, functools.partial(_as_written(_class_of(instance).run), instance))


def fill(instance: Any, given: Mapping[str, Any]) -> None:
    """Set the fields and nothing else: `__post_init__` wants values, and where it runs there will be some."""
    for field in dataclasses.fields(instance):
        if field.name in given:
            value = given[field.name]
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            value = field.default
        if value is not dataclasses.MISSING:
            object.__setattr__(instance, field.name, value)


def make_body(instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Execute the instance's `__init__` as dataclass wrote it, with `__post_init__`."""
    _as_written(type(instance).__init__)(instance, *args, **kwargs)


def _function(cls: type[Any]) -> Callable[..., Any]:
    init, run = cls.__init__, cls.run
    fields = [field.name for field in dataclasses.fields(cls) if field.init]

    @functools.wraps(cls, updated=())
    def make_and_run(**arguments: Any) -> Any:
        instance: Any = object.__new__(cls)
        init(instance, **{name: arguments.pop(name) for name in fields if name in arguments})
        return run(instance, **arguments)

    return make_and_run


def _constructor(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        cls = _class_of(self)
        trace, declared = current.get(), declaration_of(cls)
        if trace is None or declared is None or cls.__init__ is not __init__:
            init(self, *args, **kwargs)
        else:
            declared.make(trace, self, args, kwargs, user_frame(1))  # dataclasses.replace makes some, too

    return __init__


def _method(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        cls = _class_of(self)
        trace, declared = current.get(), declaration_of(cls)
        if trace is None or cls.run is not method:  # the latter: super().run()
            return run(self, *args, **kwargs)
        if declared is None:
            _not_declared(trace, cls, frame_at(1))
        return declared.call(trace, self, args, kwargs, frame_at(1))

    return method


def _class_of(instance: object) -> Any:
    return type(instance)


def _as_written(replaced: Any) -> Callable[..., Any]:
    return replaced.__wrapped__


def _not_declared(trace: Recorder, cls: type, frame: FrameType) -> NoReturn:
    problem = Problem("is a subclass without a decorator", remedy="decorate it like its base class")
    trace.problem(cls.__name__, problem, frame)
    raise CompileErrors("", [])
