"""What one operator leaves to the next in its process: nothing. What cannot be put back ends the process.

The code of users is imported once. Each operator finds what was there then: the state of the process (`traits`), of the
modules of users (`user_state`), and of libraries (`libraries`, `patches`), if the code can reach any.
"""

import importlib.machinery
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from penstock.declare import modules

from .code_names import names_in
from .libraries import Libraries
from .patches import Patches
from .traits import Snapshot
from .user_state import UserState

LATE = "modules that were imported after a change"


class Handover:
    """Knows what the process was like before the operator, and makes it so again."""

    def __init__(self, folder: str) -> None:
        """Code of users is imported from `folder`, and from wherever else it lies on `sys.path`."""
        random.seed()
        self._unseeded = random.getstate()
        self._modules = 0
        self._installed: set[str] = set()  # modules of operators that are of an installed package
        self._is_plain = False
        self._libraries: Libraries | None = None
        self._patches: list[Patches] = []
        self._is_running = self._is_late = False
        self._importing = 0
        sys.meta_path.insert(0, _Finder(folder, self))
        self._process = Snapshot()
        self._state = UserState(())

    def note_loaded(self, module: str) -> None:
        """An operator of this module was loaded: what its code did to the process where it is imported stays."""
        is_new = module not in self._installed and not modules.is_users(sys.modules.get(module))
        if is_new:
            self._installed.add(module)
        if is_new or len(sys.modules) != self._modules:
            self._process = Snapshot()
            self._libraries, self._patches = None, []
            self._remember_code()

    def call(self, function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        self._is_running, self._is_late = True, False
        try:
            return self._process.call(function, arguments, named)
        finally:
            self._is_running = False

    def restore(self) -> list[str]:
        """Put back what has changed; return what cannot be put back."""
        unfit = self._process.restore(is_plain=self._is_plain) + self._state.restore()
        if self._libraries is not None:
            unfit += self._libraries.restore()
        for each in self._patches:
            unfit += each.restore()
        if self._is_late:
            unfit.append(LATE)
        return unfit

    def import_begins(self) -> None:
        """A module of users is imported. What an operator changed before that is no effect of the import."""
        self._importing += 1
        if self._importing == 1 and self._is_running:
            self._is_late |= self._state.is_changed()
            self._process.import_begins()
            if self._libraries is not None:
                self._libraries.import_begins()

    def import_ends(self) -> None:
        self._importing -= 1
        if not self._importing and self._is_running:
            self._process.import_ends()
            if self._libraries is not None:
                self._libraries.import_ends()
            self._remember_code()

    def _remember_code(self) -> None:
        self._modules = len(sys.modules)
        users = [each for name, each in list(sys.modules.items()) if name != "__main__" and modules.is_users(each)]
        users += [sys.modules[name] for name in self._installed]
        names = names_in(users)
        self._is_plain = names.is_plain
        self._state = UserState(users, names.is_plain)
        if not names.is_plain:
            self._libraries = self._libraries or Libraries(self._unseeded)
            self._patches.append(Patches(names, known=self._patches))


class _Finder:
    """Finds modules as usual, and tells when one from a folder is imported."""

    def __init__(self, folder: str, handover: Handover) -> None:
        self._folder, self._handover = folder and os.path.join(folder, ""), handover

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not self._folder:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        if spec.origin is None or not spec.origin.startswith(self._folder):
            return None
        spec.loader = _Loader(name, spec.origin, self._handover)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, handover: Handover) -> None:
        super().__init__(name, path)
        self._handover = handover

    def exec_module(self, module: ModuleType) -> None:
        self._handover.import_begins()
        try:
            super().exec_module(module)
        finally:
            self._handover.import_ends()
