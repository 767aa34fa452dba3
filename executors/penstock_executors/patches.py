"""Modules and classes that are not the users': what an operator replaced in them is put back."""

import builtins
import sys
from collections.abc import Iterator, Sequence
from operator import is_
from types import ModuleType
from typing import Any, Final

from penstock.declare import modules

from .code_names import CodeNames

# What libraries replace on behalf of their users, whatever these name.
_OFTEN_PATCHED: Final = frozenset(
    [
        "asyncio",
        "builtins",
        "collections",
        "copy",
        "csv",
        "datetime",
        "functools",
        "http.client",
        "inspect",
        "io",
        "itertools",
        "json",
        "logging",
        "math",
        "multiprocessing",
        "os",
        "os.path",
        "pathlib",
        "pickle",
        "queue",
        "random",
        "re",
        "select",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "string",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "traceback",
        "typing",
        "urllib.request",
        "urllib.parse",
        "uuid",
        "warnings",
    ]
)
# Of `sys`, the interpreter's own, and what is compared elsewhere.
_MOVING: Final[dict[str, frozenset[str]]] = {
    "sys": frozenset(
        [
            "stdout",
            "stderr",
            "stdin",
            "last_type",
            "last_value",
            "last_traceback",
            "last_exc",
            "path",
            "argv",
            "modules",
            "_",
            "path_importer_cache",
            "meta_path",
            "path_hooks",
        ]
    ),
    "builtins": frozenset({"_"}),
}
_ANYTHING: Final = object()


def _is_real(name: str, module: object) -> bool:
    """Whether a module was imported, or is a part of a compiled one that was, such as `torch._C._export`."""
    if getattr(module, "__spec__", None) is not None:
        return True
    parent, _, own = name.rpartition(".")
    whole = sys.modules.get(parent)
    return whole is not None and vars(whole).get(own) is module and _is_real(parent, whole)


class Patches:
    """What modules and classes have by their names, at one time."""

    def __init__(self, names: CodeNames, known: "Sequence[Patches]" = ()) -> None:
        """What is `known` already is left out: an operator may have changed it meanwhile."""
        self._names = names
        self._modules = dict(sys.modules)
        seen = {id(module) for each in known for module, _ in each._namespaces}
        watched = [module for module in _watched(names) if id(module) not in seen]
        self._namespaces = [(module, dict(vars(module))) for module in watched]
        self._classes = [(cls, dict(vars(cls))) for cls in _classes(watched, names)]

    def restore(self) -> list[str]:
        """Put back what has changed; return what cannot be put back."""
        unfit: list[str] = []
        if len(sys.modules) != len(self._modules) or not all(map(is_, sys.modules.values(), self._modules.values())):
            self._restore_modules()
        for holder, before in (*self._namespaces, *self._classes):
            now = vars(holder)
            if len(now) == len(before) and all(map(is_, now.values(), before.values())):
                continue
            unfit += self._restored(holder, dict(now), before)
        return unfit

    def _restore_modules(self) -> None:
        """Those that were imported meanwhile stay, if they are real."""
        for name, module in list(sys.modules.items()):
            if name not in self._modules:
                if not _is_real(name, module):
                    del sys.modules[name]
                else:
                    self._modules[name] = module
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module

    def _restored(self, holder: Any, now: dict[str, Any], before: dict[str, Any]) -> list[str]:
        name_of = holder.__name__
        moving = _MOVING.get(name_of, ()) if isinstance(holder, ModuleType) else ()
        changed = [
            name
            for name in {**before, **now}
            if now.get(name, _ANYTHING) is not before.get(name, _ANYTHING) and name not in moving
        ]
        unfit: list[str] = []
        for name in changed:
            if not self._is_theirs(holder, name, now, before):  # of the library's own making
                before.pop(name, None)
                if name in now:
                    before[name] = now[name]
            elif not _put_back(holder, name, before):
                unfit.append(f"{name_of}.{name}")
        return unfit

    def _is_theirs(self, holder: Any, name: str, now: dict[str, Any], before: dict[str, Any]) -> bool:
        """Whether the change is an operator's, not the module's own, such as what it loads late."""
        if name not in before:
            if isinstance(now[name], ModuleType) or name == "__warningregistry__":
                return False
            return holder is builtins or self._names.may_change(name)
        return callable(before[name]) or self._names.may_change(name)


def _put_back(holder: Any, name: str, before: dict[str, Any]) -> bool:
    try:
        if name in before:
            setattr(holder, name, before[name])
        else:
            delattr(holder, name)
    except (AttributeError, TypeError):
        return False
    return True


def _watched(names: CodeNames) -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if type(module) is not ModuleType or modules.is_users(module):
            continue
        if name.startswith(("penstock", "importlib", "google.protobuf")):
            continue
        if name in _OFTEN_PATCHED or name.rpartition(".")[2] in names.named:
            yield module


def _classes(watched: list[ModuleType], names: CodeNames) -> Iterator[type]:
    """Classes that the code names, of the modules that it names."""
    found: dict[int, type] = {}
    for module in watched:
        for name, value in vars(module).items():
            if isinstance(value, type) and name in names.named and value.__flags__ & _CAN_CHANGE:
                found[id(value)] = value
    yield from found.values()


_CAN_CHANGE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: those of C, without it, cannot be changed
