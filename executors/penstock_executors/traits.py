"""What an operator may change of its process: compared after each action with a copy from before, and put back.

What cannot be put back makes the process unfit for the next action, which may be of another run and another user.
"""

import contextvars
import copy
import decimal
import gc
import importlib
import locale
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock import tracing

# Descriptors that an operator leaves open are not known to be wrong; a process that would run out of them is replaced.
DESCRIPTORS_MAX: Final = 256
# Threads that do no work of their own, by module and class.
QUIET_THREADS: Final = frozenset({("tqdm._monitor", "TMonitor")})
# Quicker than what stands before them, and not for everybody.
_raw_signal: Any = importlib.import_module("_signal")
_raw_locale: Any = importlib.import_module("_locale")
_threads: Any = importlib.import_module("_thread")
_TRACE: Final = tracing.VARIABLE.encode()
_TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS: Final = tuple(
    int(number) for number in signal.Signals if number not in (signal.SIGKILL, signal.SIGSTOP) and number < 32
)
_LIMITS: Final = tuple(
    getattr(resource, name)
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK")
    for name in (f"RLIMIT_{name}",)
    if hasattr(resource, name)
)


class Trait(NamedTuple):
    """Something of a process that an operator may change; without `write` it cannot be put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object] | None = None


def _handlers() -> list[Any]:
    return [_raw_signal.getsignal(number) for number in _SIGNALS]


def _write_handlers(before: list[Any]) -> None:
    for number, handler in zip(_SIGNALS, before, strict=True):
        if _raw_signal.getsignal(number) != handler:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _timers() -> bool:
    return any(signal.getitimer(timer)[0] for timer in _TIMERS)


def _write_timers(_before: bool) -> None:
    for timer in _TIMERS:
        signal.setitimer(timer, 0)


def _mask() -> set[int]:
    return _raw_signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _write_mask(before: set[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(each) for each in _LIMITS]


def _write_limits(before: list[tuple[int, int]]) -> None:
    for each, limits in zip(_LIMITS, before, strict=True):
        resource.setrlimit(each, limits)


def _interpreter() -> tuple[Any, ...]:
    return (
        sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold(), sys.getprofile(),
        sys.gettrace(), sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook,
    )  # fmt: skip


def _write_interpreter(before: tuple[Any, ...]) -> None:
    recursion, switch, collects, thresholds, profile, trace, excepthook, displayhook, unraisable, in_thread = before
    sys.setrecursionlimit(recursion)
    sys.setswitchinterval(switch)
    (gc.enable if collects else gc.disable)()
    gc.set_threshold(*thresholds)
    sys.setprofile(profile)
    sys.settrace(trace)
    sys.excepthook, sys.displayhook, sys.unraisablehook = excepthook, displayhook, unraisable
    threading.excepthook = in_thread


def _more_of_sys() -> tuple[Any, ...]:
    return (
        list(sys.argv), list(sys.meta_path), list(sys.path_hooks), sys.dont_write_bytecode, sys.get_asyncgen_hooks(),
        sys.get_int_max_str_digits(), list(gc.callbacks), gc.get_debug(), threading.stack_size(),
    )  # fmt: skip


def _write_more_of_sys(before: tuple[Any, ...]) -> None:
    argv, finders, hooks, writes, generators, digits, callbacks, debug, stack = before
    sys.argv[:], sys.meta_path[:], sys.path_hooks[:], gc.callbacks[:] = argv, finders, hooks, callbacks
    sys.dont_write_bytecode = writes
    sys.set_asyncgen_hooks(*generators)
    sys.set_int_max_str_digits(digits)
    gc.set_debug(debug)
    threading.stack_size(stack)


def _affinity() -> set[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def _write_affinity(before: set[int]) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, before)


def _write_path(before: list[str]) -> None:
    sys.path[:] = before


def _write_filters(before: list[Any]) -> None:
    warnings.filters[:] = before  # pyright: ignore[reportIndexIssue]
    mutated: Any = getattr(warnings, "_filters_mutated", None)
    if mutated is not None:
        mutated()


def _identity() -> tuple[int, ...]:
    return os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getpriority(os.PRIO_PROCESS, 0)


def _write_locale(before: str) -> None:
    _raw_locale.setlocale(locale.LC_ALL, before)


def _locale_now() -> str:
    return _raw_locale.setlocale(locale.LC_ALL)


TRAITS: Final = (
    Trait("sys.path", lambda: sys.path, _write_path),
    Trait("signal handlers", _handlers, _write_handlers),
    Trait("timers", _timers, _write_timers),
    Trait("blocked signals", _mask, _write_mask),
    Trait("resource limits", _limits, _write_limits),
    Trait("locale", _locale_now, _write_locale),
    Trait("filters of warnings", lambda: warnings.filters, _write_filters),
    Trait("settings of the interpreter", _interpreter, _write_interpreter),
    Trait("more settings of the interpreter", _more_of_sys, _write_more_of_sys),
    Trait("cores that may be used", _affinity, _write_affinity),
    Trait("user, group, or priority", _identity),
)


class Snapshot:
    """The process as it is after the code of an operator was loaded, and before the operator is called."""

    def __init__(self) -> None:
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._environment = dict(_environment())
        self._traits = [(trait, copy.copy(trait.read())) for trait in TRAITS]
        self._decimals = decimal.getcontext().copy()
        self._has_left_threads = False
        self._begun: tuple[dict[bytes, bytes], list[Any]] = {}, []

    def call(self, function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Call with context variables, and a context of decimals, of its own; see whether it leaves threads."""
        count = _threads._count()
        threads = threading.enumerate() if count else [threading.main_thread()]
        context = contextvars.copy_context()
        context.run(decimal.setcontext, self._decimals.copy())
        try:
            return context.run(function, *arguments, **named)
        finally:
            self._has_left_threads = _threads._count() > 0 and _has_others(threads, count)

    def restore(self, *, is_plain: bool = False) -> list[str]:
        """Put back what has changed; return what cannot be put back. Plain code reaches files only."""
        if is_plain:
            return [] if _has_descriptors() else ["open files"]
        os.umask(self._umask)
        unfit = [
            trait.name for trait, before in self._traits if trait.read() != before and not _put_back(trait, before)
        ]
        self._restore_environment()
        if self._has_left_threads:
            unfit.append("threads")
        if _has_children():
            unfit.append("child processes")
        if not _has_descriptors():
            unfit.append("open files")
        return unfit

    def import_begins(self) -> None:
        """Code that an operator imports may change the process for good: what it changes is found when it ends."""
        self._begun = dict(_environment()), [copy.copy(trait.read()) for trait, _ in self._traits]

    def import_ends(self) -> None:
        environment, traits = self._begun
        now = _environment()
        for name in environment.keys() | now.keys():
            if now.get(name) != environment.get(name):
                self._environment.pop(name, None)
                if name in now:
                    self._environment[name] = now[name]
        for index, ((trait, _), begun) in enumerate(zip(self._traits, traits, strict=True)):
            if (value := trait.read()) != begun:
                self._traits[index] = trait, copy.copy(value)

    def _restore_environment(self) -> None:
        now, before = _environment(), self._environment
        if (trace := now.get(_TRACE)) is not None:
            before[_TRACE] = trace  # set for each action
        if now == before:
            return
        for name in now.keys() - before.keys():
            os.unsetenv(name)
            del now[name]
        for name, value in before.items():
            if now.get(name) != value:
                os.putenv(name, value)
                now[name] = value
        time.tzset()


def _environment() -> dict[bytes, bytes]:
    names: Any = os.environ
    return names._data


def _put_back(trait: Trait, before: Any) -> bool:
    if trait.write is None:
        return False
    try:
        trait.write(before)
        return trait.read() == before
    except Exception:
        return False


def _has_others(known: list[threading.Thread], count: int) -> bool:
    """Whether Python threads live that did not before, also those that no `Thread` stands for."""
    active = [each for each in threading.enumerate() if each not in known]
    busy = [each for each in active if (type(each).__module__, type(each).__qualname__) not in QUIET_THREADS]
    return bool(busy) or _threads._count() - len(active) > count


def _has_children() -> bool:
    """Whether a child process lives; those that have ended are waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _has_descriptors() -> bool:
    """Whether enough descriptors are left; standard input is opened again if it was closed."""
    try:
        lowest = os.dup(1)
        if lowest == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            return True
        os.close(lowest)
    except OSError:
        return False
    return lowest < DESCRIPTORS_MAX
