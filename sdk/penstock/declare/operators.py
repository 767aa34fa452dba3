"""The `operator` decorator: a unit of work, declared."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, Unpack, cast, dataclass_transform, overload

from penstock_proto.plan.v1 import plan_pb2

from ..errors import InvalidDeclaration
from . import classes, modules, signatures
from .declarable import DECLARATION, declaration_of
from .mapping import Mappable
from .options import MEMORY_DEFAULT, NAME_LENGTH_MAX, Cached, Changes, OnFailure, Options
from .recorder import Recorder, current
from .signatures import Signature

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class Operator(Mappable[R], Generic[P, R]):
    """A function that workflows can call. In a workflow a call adds a node; elsewhere it is the plain function.

    Attributes:
        fn: The plain function; of a class, one that takes its fields and the arguments of `run`, all by name.
        cls: The class, if it is one.
        place: Where it is declared.
        name: What its nodes are called.
        module, qualname: How a worker imports it.
        settings: Its options, with the changes of this call.
        declaration: The operator as it was declared; itself, unless made by `options`.
        wait: Of a sensor: how often and how long it looks.
    """

    def __init__(
        self,
        fn: Callable[P, R],
        settings: Options,
        place: modules.Place,
        *,
        cls: type[Any] | None = None,
        declaration: Operator[P, R] | None = None,
        wait: plan_pb2.Wait | None = None,
    ) -> None:
        functools.update_wrapper(self, fn)
        self.fn, self.cls, self.place = fn, cls, place
        self.settings = settings
        self.name = settings.name or fn.__name__[:NAME_LENGTH_MAX]
        self.module, self.qualname = modules.module_name(fn.__module__), fn.__qualname__
        self.declaration: Operator[P, R] = declaration or self
        self.wait = wait

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current.get()
        if trace is None:
            return self.fn(*args, **kwargs) if self.wait is None else look(self.wait, self.fn, *args, **kwargs)
        return cast("R", trace.call(self, args, kwargs, modules.frame_at(1)))

    def options(self, **changes: Unpack[Changes]) -> Operator[P, R]:
        """The same operator with other options, for one call or for several.

        Raises:
            InvalidDeclaration: An option is unknown or out of its range.
        """
        unknown = changes.keys() - Changes.__annotations__.keys()
        if unknown:
            known = ", ".join(Changes.__annotations__)
            raise InvalidDeclaration(f"{self.name} has no option {', '.join(sorted(unknown))}; the options are {known}")
        settings = dataclasses.replace(self.settings, **changes)
        return self.copy(settings, self.wait)

    def copy(self, settings: Options, wait: plan_pb2.Wait | None) -> Operator[P, R]:
        """The same operator, for some calls."""
        return Operator(self.fn, settings, self.place, cls=self.cls, declaration=self.declaration, wait=wait)

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function's signature says; read once, when it is first needed."""
        return signatures.read(self.fn) if self.cls is None else signatures.read_class(self.cls, self.cls.run)

    def make(self, trace: Recorder, instance: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        """An instance of the class is made in a workflow's body."""
        given, _ = trace.note_instance(self, instance, args, kwargs, frame)
        classes.fill(instance, given)

    def call(self, trace: Recorder, instance: Any, args: Any, kwargs: Any, frame: FrameType) -> Any:
        """The `run` of an instance is called in a workflow's body."""
        return trace.call(self, args, kwargs, frame, classes.seen(instance))

    def __repr__(self) -> str:
        return f"<operator {self.module}:{self.qualname}>"


def look(wait: plan_pb2.Wait, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a sensor as plain Python, until it finds something; raise TimeoutError."""
    since = time.monotonic()
    while (found := fn(*args, **kwargs)) is None or found is False:
        if wait.timeout_s and time.monotonic() - since + wait.sensor.every_s > wait.timeout_s:
            raise TimeoutError(f"nothing was found within {wait.timeout_s:g} s")
        time.sleep(wait.sensor.every_s)
    return found


class Declare(Protocol):
    """`@operator(...)`, waiting for what it is put above."""

    @overload
    def __call__(self, cls: type[C], /) -> type[C]: ...  # pyright: ignore[reportOverlappingOverload]
    @overload
    def __call__(self, function: Callable[P, R], /) -> Operator[P, R]: ...


@overload
def operator(cls: type[C], /) -> type[C]: ...  # pyright: ignore[reportOverlappingOverload] # the class first
@overload
def operator(function: Callable[P, R], /) -> Operator[P, R]: ...
@overload
def operator(
    *,
    name: str | None = None,
    cpu: float = 1.0,
    gpu: int = 0,
    memory: str | int | None = MEMORY_DEFAULT,
    labels: Mapping[str, str] | None = None,
    retries: int = 0,
    retry_delay_s: float = 1.0,
    retry_factor: float = 2.0,
    retry_delay_max_s: float = 60.0,
    retry_jitter: float = 0.2,
    timeout_s: float | None = None,
    on_failure: OnFailure = "block",
    secrets: Sequence[str] = (),
    cache: Cached = False,
    cache_key: Callable[..., Any] | None = None,
) -> Declare: ...
@dataclass_transform(field_specifiers=(dataclasses.field,))
def operator(
    function: Callable[..., Any] | type[Any] | None = None,
    /,
    *,
    name: str | None = None,
    cpu: float = 1.0,
    gpu: int = 0,
    memory: str | int | None = MEMORY_DEFAULT,
    labels: Mapping[str, str] | None = None,
    retries: int = 0,
    retry_delay_s: float = 1.0,
    retry_factor: float = 2.0,
    retry_delay_max_s: float = 60.0,
    retry_jitter: float = 0.2,
    timeout_s: float | None = None,
    on_failure: OnFailure = "block",
    secrets: Sequence[str] = (),
    cache: Cached = False,
    cache_key: Callable[..., Any] | None = None,
) -> Any:
    """Declare a function, or a class with a method `run`, as an operator: `@operator`, or `@operator(gpu=1)`.

    Args:
        name: Name of its nodes; the function's name by default.
        cpu: Cores that one execution holds; a fraction is possible.
        gpu: GPUs that one execution holds.
        memory: Bytes, or a size such as "512Mi" or "2G": an execution that uses more is ended. None: nothing is set
            aside. By default 512 MiB are, which are no limit.
        labels: Labels that the worker must carry.
        retries: Attempts after the first failed one. A lost worker or a preemption does not count.
        retry_delay_s: Seconds before the first retry; each further one waits `retry_factor` times as long,
            up to `retry_delay_max_s`, with `retry_jitter` (0 to 1) of it spread at random.
        timeout_s: Wall-clock limit of one attempt; None: no limit.
        on_failure: What its final failure means for what depends on it: "block" skips it, "cancel" cancels it,
            "continue" lets go on what depends on the order alone.
        secrets: Names of the secrets that it reads with `penstock.secret`; workers have their values.
        cache: True: where its code, the packages that this imports and its arguments are the same, the outputs of an
            earlier execution are taken instead of a call, also of other runs of the team. A timedelta, or a time such
            as "7d": only of executions that are not older.
        cache_key: A function of some of its parameters, whose result stands for the arguments.

    Raises:
        InvalidDeclaration: An option is out of its range, or it is no plain function, and no class of fields.
    """
    settings = Options(
        name=name,
        cpu=cpu,
        gpu=gpu,
        memory=memory,
        labels=labels,
        retries=retries,
        retry_delay_s=retry_delay_s,
        retry_factor=retry_factor,
        retry_delay_max_s=retry_delay_max_s,
        retry_jitter=retry_jitter,
        timeout_s=timeout_s,
        on_failure=on_failure,
        secrets=(secrets,) if isinstance(secrets, str) else tuple(secrets),
        cache=cache,
        cache_key=cache_key,
    )

    def make(fn: Callable[..., Any], place: modules.Place, cls: type[Any] | None = None) -> Operator[..., Any]:
        return Operator(fn, settings, place, cls=cls)

    declare = classes.declarer("operator", make)
    return declare if function is None else declare(function, depth=2)


def operator_of(value: object) -> Operator[..., Any] | None:
    """The operator that a decorated function or class is; None for anything else."""
    found = declaration_of(value) or value
    return found if isinstance(found, Operator) else None  # pyright: ignore[reportUnknownVariableType]


def with_options(cls: type[C], **changes: Unpack[Changes]) -> type[C]:
    """Return the same operator class with other options, for some calls; a function has `.options`.

    Raises:
        InvalidDeclaration: An option is unknown or out of range, or the class is not an operator.
    """
    declared = declaration_of(cls)
    if not isinstance(declared, Operator):
        raise InvalidDeclaration(f"with_options takes a class that is an operator, not {cls!r:.80}")
    known = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls)(cls.__name__, (cls,), {**known, DECLARATION: declared.options(**changes)})
