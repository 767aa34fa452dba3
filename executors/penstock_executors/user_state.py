"""What the modules of users hold: globals, attributes of classes, defaults of functions, and all that these contain.

Compared after each action with shallow copies from before; what differs is put back in place.
"""

import collections
import functools
import sys
from collections.abc import Callable, Iterable
from operator import is_
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from penstock.declare import modules
from penstock.declare.operators import operator_of
from penstock.declare.workflows import workflow_of

from . import opaque_state

# Containers and objects that are compared; a process with more serves one action.
PARTS_MAX: Final = 200_000
ORDINARY: Final = "module globals"
_CLASS_NAMES_OURS: Final = ("__dict__", "__weakref__", "__doc__", "__abstractmethods__", "_abc_impl")
_SKIPPED: Final = ("logging", "contextvars", "threading", "_thread", "io", "_io", "re", "typing")
Restore = Callable[[], bool]  # whether it is as it was


class UserState:
    """The state of modules of users at one time."""

    def __init__(self, of: Iterable[ModuleType], is_plain: bool = False) -> None:
        """The code of plain modules sets no attributes of functions and classes, so that these need no look."""
        self._is_plain = is_plain
        self._restores: list[Restore] = []
        self._seen: dict[int, object] = {}  # with the objects, so that no other gets the same id
        self._waiting: list[Any] = []
        self._only_looks = False
        self.is_complete = True
        for module in of:
            self._namespace(vars(module), keeps_modules=True)
        while self._waiting:
            if len(self._seen) > PARTS_MAX:
                self.is_complete = False
                break
            self._look(self._waiting.pop())

    def restore(self) -> list[str]:
        """Put back what has changed; return what cannot be put back."""
        unfit = [] if self.is_complete else ["a very large state of modules"]
        is_restored = [restore() for restore in self._restores]
        return unfit if all(is_restored) else [*unfit, ORDINARY]

    def is_changed(self) -> bool:
        """Whether anything differs; nothing is put back."""
        self._only_looks = True
        try:
            return not all(restore() for restore in self._restores)
        finally:
            self._only_looks = False

    def _add(self, value: Any) -> None:
        if not opaque_state.is_atom(value) or isinstance(value, type):
            self._waiting.append(value)

    def _look(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        for look in (self._remember_container, self._remember_code, self._remember_random, self._remember_array):
            if look(value):
                return
        top = type(value).__module__.partition(".")[0]
        if isinstance(value, ModuleType) or top in _SKIPPED:
            return
        is_python = top in sys.stdlib_module_names and hasattr(value, "__dict__")
        if is_python or modules.is_users(sys.modules.get(type(value).__module__)):
            self._instance(value)
        elif (known := opaque_state.fingerprint(value)) is not None:
            self._restores.append(lambda: opaque_state.fingerprint(value) == known)

    def _remember_container(self, value: Any) -> bool:
        match value:
            case dict():
                self._namespace(value)  # pyright: ignore[reportUnknownArgumentType]
            case list() | collections.deque() | bytearray():
                self._sequence(value)  # pyright: ignore[reportUnknownArgumentType]
            case set():
                self._set(value)  # pyright: ignore[reportUnknownArgumentType]
            case tuple() | frozenset():
                for each in value:  # pyright: ignore[reportUnknownVariableType]
                    self._add(each)
            case _:
                return False
        return True

    def _remember_code(self, value: Any) -> bool:
        """What is called: functions with their defaults, what decorates them, classes."""
        declared = operator_of(value) or workflow_of(value)
        if declared is not None and declared is not value:
            self._class(value)
        elif declared is not None:
            self._add(declared.fn)  # the declaration itself never changes
            self._add(declared.cls)
        elif isinstance(value, FunctionType):
            if value.__closure__ or not modules.is_library(
                value.__code__.co_filename
            ):  # a decorator may be a library's
                self._function(value)
        elif isinstance(value, type):
            if modules.is_users(sys.modules.get(value.__module__)):
                self._class(value)
        elif isinstance(value, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]
            self._cache(value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, functools.partial):
            self._waiting += [value.func, *value.args, value.keywords]  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, MethodType):
            self._waiting += [value.__func__, value.__self__]
        elif isinstance(value, staticmethod | classmethod):
            self._add(value.__func__)  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, property):
            self._waiting += [each for each in (value.fget, value.fset, value.fdel) if each is not None]
        elif isinstance(value, functools.cached_property):
            self._add(value.func)  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, CellType):
            self._cell(value)
        else:
            return callable(value) and not hasattr(value, "__dict__")
        return True

    def _namespace(self, names: dict[Any, Any], keeps_modules: bool = False) -> None:
        before = dict(names)

        def restore() -> bool:
            is_same = len(names) == len(before) and all(map(is_, names.values(), before.values()))
            if is_same and (keeps_modules or all(map(is_, names, before))):
                return True
            if self._only_looks:
                return False
            if keeps_modules:
                _restore_globals(names, before)
            else:
                names.clear()
                names.update(before)
            return True

        self._restores.append(restore)
        for name, value in before.items():
            if not (keeps_modules and name.startswith("__")):  # what Python itself keeps there
                self._add(value)

    def _sequence(self, value: Any) -> None:
        before = value.copy()
        is_bytes = isinstance(value, bytearray)

        def restore() -> bool:
            if value == before if is_bytes else len(value) == len(before) and all(map(is_, value, before)):
                return True
            if not self._only_looks:
                value.clear()
                value.extend(before)
            return not self._only_looks

        self._restores.append(restore)
        for each in () if is_bytes else before:
            self._add(each)

    def _set(self, value: set[Any]) -> None:
        before = set(value)

        def restore() -> bool:
            if value == before:
                return True
            if not self._only_looks:
                value.clear()
                value.update(before)
            return not self._only_looks

        self._restores.append(restore)
        for each in before:
            self._add(each)

    def _function(self, function: FunctionType) -> None:
        parts = {name: getattr(function, name) for name in ("__defaults__", "__kwdefaults__", "__code__")}
        defaults, named = function.__defaults__, function.__kwdefaults__

        def restore() -> bool:
            now = {name: getattr(function, name) for name in parts}
            if all(map(is_, now.values(), parts.values())):
                return True
            return not self._only_looks and restore_attributes(function, now, parts)

        self._waiting += [each for each in (defaults, named) if each is not None]
        self._waiting += function.__closure__ or ()
        if not self._is_plain:
            self._restores.append(restore)
            self._waiting.append(function.__dict__)

    def _cell(self, cell: CellType) -> None:
        try:
            before = cell.cell_contents
        except ValueError:  # not set yet
            return

        def restore() -> bool:
            if cell.cell_contents is before:
                return True
            if not self._only_looks:
                cell.cell_contents = before
            return not self._only_looks

        self._restores.append(restore)
        self._add(before)

    def _cache(self, cached: Any) -> None:
        before = cached.cache_info()

        def restore() -> bool:
            if cached.cache_info() == before:
                return True
            if not self._only_looks:
                cached.cache_clear()  # and fill it again, if the import had filled it
            return not self._only_looks and not before.currsize

        self._restores.append(restore)
        self._add(cached.__wrapped__)

    def _class(self, cls: type) -> None:
        names = vars(cls)
        before = dict(names)

        def restore() -> bool:
            if len(names) == len(before) and all(map(is_, names.values(), before.values())):
                return True
            return not self._only_looks and restore_attributes(cls, dict(names), before)

        if not self._is_plain:
            self._restores.append(restore)
        for name, value in before.items():
            if name not in _CLASS_NAMES_OURS:
                self._add(value)
        self._waiting += cls.__mro__[1:-1]

    def _instance(self, value: Any) -> None:
        names = getattr(value, "__dict__", None)
        if isinstance(names, dict):
            self._add(names)
        slots = [name for cls in type(value).__mro__ for name in _slots(cls)]
        if not slots:
            return
        before = {name: getattr(value, name) for name in slots if hasattr(value, name)}

        def restore() -> bool:
            now = {name: getattr(value, name) for name in slots if hasattr(value, name)}
            if now.keys() == before.keys() and all(now[name] is before[name] for name in now):
                return True
            return not self._only_looks and restore_attributes(value, now, before)

        self._restores.append(restore)
        for each in before.values():
            self._add(each)

    def _remember_random(self, value: Any) -> bool:
        known = opaque_state.random_state(value)
        if known is None:
            return False
        before, write = known
        tokens = opaque_state.fingerprint(before)

        def restore() -> bool:
            now = opaque_state.random_state(value)
            if now is not None and opaque_state.fingerprint(now[0]) == tokens:
                return True
            if not self._only_looks:
                write(before)
            return not self._only_looks

        self._restores.append(restore)
        return True

    def _remember_array(self, value: Any) -> bool:
        if opaque_state.is_tensor(value):
            state = opaque_state.tensor_state(value)
            self._restores.append(lambda: opaque_state.tensor_state(value) == state)
            return True
        if not opaque_state.is_array(value) or value.dtype.hasobject:
            return False
        known = opaque_state.checksum(value)
        copy = value.copy() if value.nbytes <= opaque_state.ARRAY_COPY_BYTES_MAX else None

        def restore() -> bool:
            now = opaque_state.checksum(value)
            if now == known:
                return True
            if self._only_looks or copy is None or now[:2] != known[:2] or not value.flags.writeable:
                return False
            value[...] = copy
            return True

        self._restores.append(restore)
        return True


def restore_attributes(holder: Any, now: Any, before: dict[str, Any]) -> bool:
    """Put the attributes of an object or class back; False if it does not let us."""
    try:
        for name in [name for name in now if name not in before]:
            delattr(holder, name)
        for name, value in before.items():
            if name not in now or now[name] is not value:
                setattr(holder, name, value)
    except (AttributeError, TypeError):
        return False
    return True


def _restore_globals(names: dict[str, Any], before: dict[str, Any]) -> None:
    """Put the globals of a module back; modules that were imported meanwhile stay."""
    for name in [name for name in names if name not in before]:
        if isinstance(names[name], ModuleType) or name == "__warningregistry__":
            before[name] = names[name]
        else:
            del names[name]
    for name, value in before.items():
        if names.get(name, names) is not value:
            names[name] = value


def _slots(cls: type) -> list[str]:
    slots = cls.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in ("__dict__", "__weakref__")]
