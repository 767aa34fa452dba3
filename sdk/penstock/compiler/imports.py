"""What operators import, and whether it travels: a worker has the bundle and the packages that are installed there.

Files of users that lie outside of the bundle's folder, or in folders that are left out of it, are added under the names
by which they are imported.
"""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..declare import modules
from ..errors import CompileError
from .bundle import NEVER, is_left_out, is_text

MODULES_MAX: Final = 10_000
DATA_BYTES_MAX: Final = 4 * 1024**2  # of one file that code names beside itself
_FILES_CACHED: Final = 4_096
_READS_FILES: Final = frozenset({"__file__", "files", "get_data", "open_text", "read_text", "read_binary"})


class Found(NamedTuple):
    """A module of users, and where its code is."""

    name: str
    file: Path
    is_package: bool


@dataclass
class Imported:
    """The modules of users that operators import, directly or not.

    Attributes:
        modules: By name.
        extra: Files that the bundle of the root does not hold, by their names in the archive.
        errors: What cannot travel.
    """

    modules: dict[str, Found] = field(default_factory=dict[str, Found])
    extra: dict[str, Path] = field(default_factory=dict[str, Path])
    errors: list[CompileError] = field(default_factory=list[CompileError])

    def code(self) -> dict[str, Path]:
        """Return the files of all modules, by their names in the archive."""
        return {name: path for module in self.modules.values() for name, path in _code_of(module).items()} | self.extra


class _Import(NamedTuple):
    names: tuple[str, ...]  # the module, and what may be modules in it
    line: int


class _Source(NamedTuple):
    imports: tuple[_Import, ...]
    files: tuple[tuple[str, int, bool], ...]  # texts that may name files beside the code, and whether at import


def imported_by(names: Iterable[str], root: Path) -> Imported:
    """Follow the imports of these modules through the code of users."""
    found = Imported()
    waiting: list[tuple[str, CompileError | None]] = [(each, None) for name in names for each in _with_parents(name)]
    seen: set[str] = set()
    while waiting and len(seen) < MODULES_MAX:
        name, at = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = _found(name)
        if module is None:
            continue
        if module.file.suffix != ".py" or not module.file.is_file():
            if at is not None and modules.is_below(module.file, root):
                found.errors.append(at)
            continue
        found.modules[name] = module
        _add(found, module, root)
        source = _source_of(module.file, stamp_of(module.file))
        for each in source.imports:
            error = _compiled(module.file, each, name)
            waiting += [(part, error) for part in _absolute(each.names, module)]
        _add_data(found, module, source, root)
    return found


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _absolute(names: tuple[str, ...], module: Found) -> Iterator[str]:
    """Full names of what an import may import; relative ones begin with dots."""
    for name in names:
        level = len(name) - len(name.lstrip("."))
        if level:
            package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
            if level - 1 > len(package):
                continue
            name = ".".join([*package[: len(package) - level + 1], *filter(None, [name[level:]])])
        yield from _with_parents(name) if name else ()


def _found(name: str) -> Found | None:
    """A module of users; None if it is somebody else's, or none at all."""
    own = "__main__" if modules.module_name("__main__") == name else name
    module = sys.modules.get(own)
    if module is not None:
        file = getattr(module, "__file__", None)
        if file is None or not modules.is_users(module):
            return None
        return Found(name, Path(file), hasattr(module, "__path__"))
    spec = _spec(name)
    if spec is None or not spec.has_location or spec.origin is None or modules.is_library(spec.origin):
        return None
    return Found(name, Path(spec.origin), spec.submodule_search_locations is not None)


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """Where a module would be imported from; nothing is imported."""
    path: Any = None
    spec = None
    for part in _with_parents(name):
        module = sys.modules.get(part)
        if module is not None:
            path = getattr(module, "__path__", None)
            spec = getattr(module, "__spec__", None)
        else:
            try:
                spec = importlib.machinery.PathFinder.find_spec(part, path)
            except (ImportError, ValueError, OSError):
                return None
            path = spec.submodule_search_locations if spec is not None else None
        if path is None and part != name:
            return None
    return spec


def _add(found: Imported, module: Found, root: Path) -> None:
    """Add what the bundle lacks: of a package all of its code, since it may import the rest when it is called."""
    name = _archive_name(module)
    if not _travels(module.file, name, root):
        found.extra = _code_of(module) | found.extra | {name: module.file}


def _archive_name(module: Found) -> str:
    stem = module.name.replace(".", "/")
    return f"{stem}/__init__.py" if module.is_package else f"{stem}.py"


def _code_of(module: Found) -> dict[str, Path]:
    """The files of a module by their names in the archive, of a package all of its code."""
    code = {_archive_name(module): module.file}
    folder, stem = module.file.parent, module.name.replace(".", "/")
    for path in sorted(folder.rglob("*.py")) if module.is_package else ():
        inner = path.relative_to(folder)
        if is_text(inner) and not any(is_left_out(folder / parent) for parent in list(inner.parents)[:-1]):
            code.setdefault(f"{stem}/{inner.as_posix()}", path)
    return code


def _travels(file: Path, name: str, root: Path) -> bool:
    """Whether the bundle of the root has this file under this name."""
    path = root / name
    parents = [root / parent for parent in list(Path(name).parents)[:-1]]
    return path.is_file() and os.path.samefile(path, file) and not any(map(is_left_out, parents))


def _compiled(file: Path, each: _Import, name: str) -> CompileError:
    return CompileError(
        problem=f"imports {each.names[0].lstrip('.')}, which is not Python code and does not travel",
        operator=name,
        file=str(file),
        line=each.line,
        remedy="install it as a package, here and on the workers",
    )


def _add_data(found: Imported, module: Found, source: _Source, root: Path) -> None:
    """Files that code names beside itself, such as Path(__file__).parent / "settings.json"."""
    if not source.files:
        return
    imported_from = module.file.parents[module.name.count(".") + module.is_package]
    tops = [folder for folder in module.file.parents if modules.is_below(folder / "x", imported_from)]
    inside = {text for text, _, _ in source.files if _is_inner(text) and any((top / text).is_dir() for top in tops)}
    folders = [top / inner for top in tops for inner in ("", *sorted(inside))]
    for text, line, is_at_import in source.files:
        path = next((folder / text for folder in folders if _is_data(text) and (folder / text).is_file()), None)
        if path is None:
            continue
        if path.stat().st_size <= DATA_BYTES_MAX:
            found.extra[path.relative_to(imported_from).as_posix()] = path
            if path.is_relative_to(root):
                found.extra[path.relative_to(root).as_posix()] = path
        elif is_at_import:
            problem = f"reads {text}, which has more than {DATA_BYTES_MAX} bytes and does not travel"
            remedy = "make it an input of the workflow (path: Path), or let an operator read it from a place of workers"
            found.errors.append(CompileError(problem, module.name, file=str(module.file), line=line, remedy=remedy))


def _is_inner(text: str) -> bool:
    parts = Path(text).parts
    return bool(parts) and not Path(text).is_absolute() and not any(part.startswith(".") for part in parts)


def _is_data(text: str) -> bool:
    return _is_inner(text) and Path(text).suffix not in ("", ".py", *NEVER)


def stamp_of(file: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None if there is none."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(_FILES_CACHED)
def _source_of(file: Path, _stamp: tuple[int, int] | None) -> _Source:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return _Source((), ())
    imports: list[_Import] = []
    texts: list[tuple[str, int, bool]] = []
    reads_files = False
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, is_at_import = waiting.pop()
        match node:
            case ast.Import(names=aliases):
                imports += [_Import((alias.name,), node.lineno) for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases, level=level):
                base = "." * level + (module or "")
                joint = "" if not module else "."
                parts = tuple(f"{base}{joint}{alias.name}" for alias in aliases if alias.name != "*")
                imports.append(_Import((base, *parts), node.lineno))
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                waiting += [(child, is_at_import) for child in node.orelse]
                continue
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                continue
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _READS_FILES:
                reads_files = True
            case ast.Constant(value=str(text)) if 0 < len(text) < 200 and "\0" not in text and "\n" not in text:
                texts.append((text, node.lineno, is_at_import))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                is_at_import = False
            case _:
                pass
        waiting += [(child, is_at_import) for child in ast.iter_child_nodes(node)]
    return _Source(tuple(imports), tuple(texts) if reads_files else ())
