"""Workflows from files: "digits.py:train_digits", imported as a worker will import them."""

from __future__ import annotations

import ast
import contextlib
import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..declare import modules, user_code
from ..declare.workflows import Workflow, hidden_workflow, workflow_of
from ..errors import NoSuchFile, NoSuchWorkflow, NotImportable, SubmitsHere


class Loaded(NamedTuple):
    """What this module imported."""

    path: Path
    root: Path
    declared: list[Workflow[..., Any]]


_loaded: dict[str, Loaded] = {}  # by the module's name


def load_workflow(spec: str) -> Workflow[..., Any]:
    """Import the workflow of "FILE.py:NAME" or "package.module:NAME", or the only one that is there.

    Raises:
        NoSuchFile, NoSuchWorkflow, NotImportable: with what there is instead.
    """
    path, name = _split(spec)
    module = _import(_file_of(path))
    found = _own_workflows(module) or _workflows(module)
    if name:
        known = _workflows(module)
        by_name = {workflow.name: workflow for workflow in known.values()} | known
        if name in by_name:
            return by_name[name]
        if (hidden := hidden_workflow(getattr(module, name, None))) is not None:
            raise NoSuchWorkflow(f"{path} has no workflow {name!r}: {hidden_text(hidden)}")
        close = difflib.get_close_matches(name, by_name, n=1)
        instead = f"did you mean {path}:{close[0]}?" if close else _choices(path, found)
        raise NoSuchWorkflow(f"{path} has no workflow {name!r}; {instead}")
    if len(found) != 1:
        raise NoSuchWorkflow(
            f"{path} has several workflows: {_choices(path, found)}" if found else _choices(path, found)
        )
    return next(iter(found.values()))


def workflows_in(path: Path | str) -> dict[str, Workflow[..., Any]]:
    """All workflows that a file defines, by their names there, in their order; if there is none, those it imports."""
    module = _import(_file_of(str(path)))
    return _own_workflows(module) or _workflows(module)


def hidden_in(path: Path | str) -> list[Workflow[..., Any]]:
    """Workflows that a file defines and that nobody can name: below another decorator, or defined twice."""
    module = _import(_file_of(str(path)))
    named = set(map(id, _own_workflows(module).values()))
    declared = _loaded[module.__name__].declared if module.__name__ in _loaded else []
    return [each for each in declared if _is_of(each, module) and id(each) not in named]


def hidden_text(hidden: Workflow[..., Any]) -> str:
    """Why a workflow cannot be named, and what to do."""
    return (
        f"workflow {hidden.qualname} is hidden by a decorator above @workflow, or by another definition of its name; "
        "put @workflow first, above the other decorators"
    )


@contextlib.contextmanager
def isolate() -> Generator[None]:
    """Forget afterwards what was imported from files of users, so that the next file is imported as if alone."""
    path, before, loaded = list(sys.path), dict(sys.modules), dict(_loaded)
    try:
        yield
    finally:
        sys.path[:] = path
        new = [name for name, module in list(sys.modules.items()) if before.get(name) is not module]
        for name in [name for name in new if modules.is_users(sys.modules[name])]:
            del sys.modules[name]
        for name, module in before.items():
            sys.modules.setdefault(name, module)
        _loaded.clear()
        _loaded.update(loaded)


def _workflows(module: ModuleType) -> dict[str, Workflow[..., Any]]:
    return {name: found for name, value in vars(module).items() if (found := workflow_of(value)) is not None}


def _own_workflows(module: ModuleType) -> dict[str, Workflow[..., Any]]:
    return {name: workflow for name, workflow in _workflows(module).items() if workflow.module == module.__name__}


def _is_of(workflow: Workflow[..., Any], module: ModuleType) -> bool:
    return workflow.module == module.__name__ and "." not in workflow.qualname


def _split(spec: str) -> tuple[str, str]:
    path, colon, name = spec.rpartition(":")
    if not colon or name.endswith(".py") or os.sep in name:  # no name; a colon may be part of the path
        return spec, ""
    return path, name


def _choices(path: str, found: dict[str, Workflow[..., Any]]) -> str:
    if not found:
        return f"{path} defines no workflow: put @workflow, from penstock, on a function or class"
    return "choose from " + ", ".join(f"{path}:{name}" for name in found)


class _Located(NamedTuple):
    """A file, the name that it is imported by, and the folder from which."""

    path: Path
    name: str
    root: Path


def _file_of(spec: str) -> _Located:
    """The file of "FILE.py", or of "package.module" below the current folder."""
    path = Path(spec)
    if path.suffix != ".py" and spec.count(".") and all(part.isidentifier() for part in spec.split(".")):
        stem = Path(*spec.split("."))
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                return _Located(file.resolve(), spec, Path.cwd())
        raise NoSuchFile(f"module not found: {spec}; expected the file {stem.with_suffix('.py')} below this folder")
    if path.suffix != ".py":
        raise NoSuchFile(f"{path} is not a Python file; write FILE.py:WORKFLOW")
    if not path.is_file():
        raise NoSuchFile(f"file not found: {path}{_similar(path)}")
    path = path.resolve()
    return _package_place(path) or _Located(path, path.stem, path.parent)


def _package_place(path: Path) -> _Located | None:
    """A file of a package (its folder has an `__init__.py`) is imported by its full name.

    None if it is in no package, or imports files beside it by their own names, as a script does.
    """
    names, folder = [] if path.name == "__init__.py" else [path.stem], path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    if len(names) < 2 or _imports_beside(path, folder):
        return None
    return _Located(path, ".".join(names), folder)


def _imports_beside(path: Path, root: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the import will say it
        return False
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    tops = {name.partition(".")[0] for name in names} - {""}
    return any(_has(path.parent, name) and not _has(root, name) for name in tops)


def _has(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def _import(file: _Located) -> ModuleType:
    """Import a file under its own name, its root first on `sys.path`."""
    path, name, root = file
    _check_name(file)
    folder = str(root)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    known = name in sys.modules
    try:
        importlib.invalidate_caches()
        with user_code.importing(path.name) as declared, _silence():
            module = importlib.import_module(name)
    except SubmitsHere as error:
        sys.modules.pop(name, None)
        raise NotImportable(str(error)) from error
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise NotImportable(f"{path.name} cannot be imported\n{_user_traceback(error, path)}") from error
    if not known or name not in _loaded:
        _loaded[name] = Loaded(path, root, declared)
    return module


@contextlib.contextmanager
def _silence() -> Generator[None]:
    """What a file prints when it is imported is no output of ours, and nobody answers what it asks."""
    stdin = sys.stdin
    with open(os.devnull, encoding="utf-8") as sys.stdin, contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            sys.stdin = stdin


def _check_name(file: _Located) -> None:
    """Raise if the file's name is taken by another module, which a worker would import instead."""
    path, name, root = file
    if not all(part.isidentifier() for part in name.split(".")):
        raise NotImportable(f"{path.name} cannot be imported by that name: use letters, digits and _ only")
    module = sys.modules.get(name)
    if module is not None and ((name in _loaded and _loaded[name].path == path) or _is_same(module, path)):
        return
    top = name.partition(".")[0]
    other = sys.modules.get(top)
    if other is None or (top != name and _is_below(other, root)):
        return
    if name not in _loaded and not (top != name and modules.is_users(other)):
        raise NotImportable(f"{path.name} has the same name as another module, {top}: rename the file")
    for each in [each for each in sys.modules if each == top or each.startswith(top + ".")]:
        del sys.modules[each]  # of the same name in another folder
        _loaded.pop(each, None)


def _is_below(module: ModuleType, root: Path) -> bool:
    file = getattr(module, "__file__", None)
    folders = [file] if file else list(getattr(module, "__path__", []))
    return any(Path(os.path.realpath(each)).is_relative_to(root) for each in folders)


def _is_same(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.realpath(file) == str(path)


def _similar(path: Path) -> str:
    files = sorted(each.name for each in path.parent.glob("*.py")) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, files, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""


def _user_traceback(error: BaseException, path: Path) -> str:
    """The traceback without the frames that led to the file, and without Penstock's and the import machinery's."""
    shown = traceback.TracebackException.from_exception(error)
    files = [frame.filename for frame in shown.stack]
    start = next((index for index, file in enumerate(files) if os.path.realpath(file) == str(path)), len(files))
    hidden = (modules.OWN_FOLDER, "<frozen importlib")
    kept = [frame for frame in shown.stack[start:] if not frame.filename.startswith(hidden)]
    shown.stack[:] = kept
    return "".join(shown.format(chain=False)).rstrip()
