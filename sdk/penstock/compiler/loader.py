"""Workflows from files: "digits.py:train_digits", imported as a worker will import them."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ..declare import modules
from ..declare.workflows import Workflow, workflow_of
from ..errors import NoSuchFile, NoSuchWorkflow, NotImportable

_loaded: dict[str, Path] = {}  # what this module imported, by the module's name


def load_workflow(spec: str) -> Workflow[..., Any]:
    """Import the workflow of "FILE.py:NAME", or the only one of "FILE.py".

    Raises:
        NoSuchFile, NoSuchWorkflow, NotImportable: with what there is instead.
    """
    path, name = _split(spec)
    found = workflows_in(path)
    if name:
        by_name = {workflow.name: workflow for workflow in found.values()} | found
        if name in by_name:
            return by_name[name]
        close = difflib.get_close_matches(name, by_name, n=1)
        instead = f"did you mean {path}:{close[0]}?" if close else _choices(path, found)
        raise NoSuchWorkflow(f"{path} has no workflow {name!r}; {instead}")
    if len(found) != 1:
        raise NoSuchWorkflow(
            f"{path} has several workflows: {_choices(path, found)}" if found else _choices(path, found)
        )
    return next(iter(found.values()))


def workflows_in(path: Path | str) -> dict[str, Workflow[..., Any]]:
    """All workflows that a file defines, by their names there, in their order; those it imports are left out."""
    module = _import(Path(path))
    found: dict[str, Workflow[..., Any]] = {}
    for name, value in vars(module).items():
        workflow = workflow_of(value)
        if workflow is not None and workflow.module == module.__name__:
            found[name] = workflow
    return found


def _split(spec: str) -> tuple[str, str]:
    path, colon, name = spec.rpartition(":")
    if not colon or name.endswith(".py") or os.sep in name:  # no name; a colon may be part of the path
        return spec, ""
    return path, name


def _choices(path: str, found: dict[str, Workflow[..., Any]]) -> str:
    if not found:
        return f"{path} defines no workflow: put @workflow, from penstock, on a function or class"
    return "choose from " + ", ".join(f"{path}:{name}" for name in found)


def _import(path: Path) -> ModuleType:
    """Import a file under its own name, its folder first on `sys.path`."""
    if path.suffix != ".py":
        raise NoSuchFile(f"{path} is not a Python file; write FILE.py:WORKFLOW")
    if not path.is_file():
        raise NoSuchFile(f"file not found: {path}{_similar(path)}")
    path, name = path.resolve(), path.stem
    _check_name(path, name)
    folder = str(path.parent)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise NotImportable(f"{path.name} cannot be imported\n{_user_traceback(error, path)}") from error
    _loaded[name] = path
    return module


def _check_name(path: Path, name: str) -> None:
    """Raise if the file's name is taken by another module, which a worker would import instead."""
    if not name.isidentifier():
        raise NotImportable(f"{path.name} cannot be imported by that name: use letters, digits and _ only")
    module = sys.modules.get(name)
    if module is None or _loaded.get(name) == path or _same(getattr(module, "__file__", None), path):
        return
    if name not in _loaded:
        raise NotImportable(f"{path.name} has the same name as another module, {name}: rename the file")
    del sys.modules[name], _loaded[name]  # a file of the same name in another folder


def _same(file: str | None, path: Path) -> bool:
    return file is not None and os.path.realpath(file) == str(path)


def _similar(path: Path) -> str:
    files = sorted(each.name for each in path.parent.glob("*.py")) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, files, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""


def _user_traceback(error: BaseException, path: Path) -> str:
    """The traceback without the frames that led to the file, and without Penstock's and the import machinery's."""
    shown = traceback.TracebackException.from_exception(error)
    files = [frame.filename for frame in shown.stack]
    start = next((index for index, file in enumerate(files) if _same(file, path)), len(files))
    hidden = (modules.OWN_FOLDER, "<frozen importlib")
    kept = [frame for frame in shown.stack[start:] if not frame.filename.startswith(hidden)]
    shown.stack[:] = kept
    return "".join(shown.format(chain=False)).rstrip()
