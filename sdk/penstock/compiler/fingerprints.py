"""What an operator's code is: the definitions that it uses, wherever they are in its bundle. Nothing is imported.

A definition is a function, a class or an assignment of a module; what it uses is found by the names in its source.
Where a name leads into a module as a whole, all of that module counts. What a module does when it is imported counts
for whatever is used of it. Comments and layout do not count, and neither do the options of an operator.
"""

from __future__ import annotations

import ast
import hashlib
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from .sources import is_operator

Pieces = dict[str, str]  # "module:name" or a file, and the hash of what it is
Target = tuple[str, str]  # a module of the bundle, and a name in it; "*": all of it
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Module:
    """The definitions of a module by name, and what it does beyond them."""

    name: str
    is_package: bool
    defined: dict[str, list[ast.stmt]] = field(default_factory=lambda: defaultdict(list))
    imported: dict[str, Target] = field(default_factory=dict[str, Target])  # module, and "" for itself
    stars: list[str] = field(default_factory=list[str])
    loose: list[ast.stmt] = field(default_factory=list[ast.stmt])


class BundleCode:
    """The code of a bundle, read as far as it is asked for."""

    def __init__(self, bundle: bytes | Path) -> None:
        """`bundle` is the archive, or the folder that it was unpacked into."""
        self._files = _Unpacked(bundle) if isinstance(bundle, Path) else _archived(bundle)
        self._modules: dict[str, _Module | None] = {}

    @cached_property
    def _data_files(self) -> dict[str, list[str]]:
        """Files that are no code, by their last name."""
        found = defaultdict[str, list[str]](list)
        for name in self._files:
            if not name.endswith(".py"):
                found[PurePosixPath(name).name].append(name)
        return found

    def of(self, module: str, qualname: str, others: set[str] | None = None) -> Pieces:
        """Return all that an operator uses; empty if the bundle does not have it.

        Args:
            others: Gets the names of the modules that it uses and that are not in the bundle.
        """
        if self._module(module) is None:
            return {}
        pieces: Pieces = {}
        waiting: list[Target] = [(module, qualname.partition(".")[0])]
        seen: set[Target] = set()
        while waiting:
            target = waiting.pop()
            if target in seen:
                continue
            seen.add(target)
            if (found := self._module(target[0])) is not None:
                waiting += self._used(found, target[1], pieces)
            elif others is not None:
                others.add(target[0])
        return pieces

    def _used(self, module: _Module, name: str, pieces: Pieces) -> Iterator[Target]:
        """Add what a name stands for; yield what that uses."""
        if f"{module.name}:" not in pieces:  # it is imported, and the packages around it
            pieces[f"{module.name}:"] = _hash_of(module.loose)
            yield from self._within(module, module.loose, pieces)
            if "." in module.name:
                yield (module.name.rpartition(".")[0], "")
        if name == "":
            return
        if name == "*":
            yield from ((module.name, each) for each in (*module.defined, *module.imported))
        elif name in module.defined:
            statements = module.defined[name]
            pieces[f"{module.name}:{name}"] = _hash_of(statements)
            yield from self._within(module, statements, pieces)
        elif name in module.imported:
            yield from self._resolved(*module.imported[name], ())
        elif self._module(f"{module.name}.{name}") is not None:
            yield (f"{module.name}.{name}", "*")
        else:
            yield from ((star, name) for star in module.stars)

    def _within(self, module: _Module, statements: list[ast.stmt], pieces: Pieces) -> Iterator[Target]:
        """Yield what the names in some statements lead to; add the files that they name."""
        for statement in statements:
            local = _Module(module.name, module.is_package)
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    _take_import(local, node)
            for chain in _names(statement):
                known = local.imported.get(chain[0]) or module.imported.get(chain[0])
                if chain[0] in module.defined:
                    yield (module.name, chain[0])
                elif known is not None:
                    yield from self._resolved(*known, chain[1:])
                else:
                    yield from ((star, chain[0]) for star in (*module.stars, *local.stars))
            for text in _texts(statement):
                if text in module.defined:  # an annotation in quotes
                    yield (module.name, text)
                for file in self._data_files.get(PurePosixPath(text).name, ()) if text else ():
                    pieces[file] = hashlib.sha256(self._files[file]).hexdigest()

    def _resolved(self, module: str, name: str, attributes: tuple[str, ...]) -> Iterator[Target]:
        """Yield what an imported name with attributes leads to: as deep into modules as it goes, then a name there."""
        parts = [*([name] if name else []), *attributes]
        while parts and self._module(f"{module}.{parts[0]}") is not None:
            yield (module, "")
            module = f"{module}.{parts.pop(0)}"
        yield (module, parts[0] if parts else "*")

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        stem = name.replace(".", "/")
        for file, is_package in ((f"{stem}.py", False), (f"{stem}/__init__.py", True)):
            if file in self._files:
                module = _Module(name, is_package)
                try:
                    _take_all(module, ast.parse(self._files[file]).body)
                except (SyntaxError, ValueError):  # it cannot be imported either
                    module.defined.clear()
                return module
        return None


class _Unpacked(Mapping[str, bytes]):
    """The files of a folder by their names in it, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = [
            path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        ]
        self._known = set(self._names)

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            raise KeyError(name)
        return (self._folder / name).read_bytes()

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _archived(archive: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def digest_of(pieces: Pieces) -> bytes:
    """Return one hash of all pieces."""
    return hashlib.sha256("\n".join(f"{name} {each}" for name, each in sorted(pieces.items())).encode()).digest()


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of pieces that differ, as people know them: "clean in util", "util", "settings.json"."""
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return [_spelt(name) for name in names]


def _spelt(name: str) -> str:
    module, colon, defined = name.partition(":")
    return f"{defined} in {module}" if defined else f"module {module}" if colon else f"file {name}"


def _take_all(module: _Module, statements: list[ast.stmt]) -> None:
    for statement in statements:
        match statement:
            case ast.Import() | ast.ImportFrom():
                _take_import(module, statement)
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                pass  # no import runs it
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), body=body):
                _take_all(module, body)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                module.defined[statement.name].append(statement)
            case _:
                _take_other(module, statement)


def _take_other(module: _Module, statement: ast.stmt) -> None:
    """An assignment defines its names; a block also what is imported in it; anything else runs at import."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _take_import(module, node)
        elif isinstance(node, _Function | ast.ClassDef):
            names.add(node.name)
    for name in names:
        module.defined[name].append(statement)
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not names:
        module.loose.append(statement)


def _take_import(module: _Module, statement: ast.Import | ast.ImportFrom) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            top = alias.name.partition(".")[0]
            module.imported[alias.asname or top] = (alias.name, "") if alias.asname else (top, "")
        return
    base = statement.module or ""
    if statement.level:
        package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
        kept = package[: len(package) - statement.level + 1]
        base = ".".join([*kept, *([base] if base else [])])
    for alias in statement.names:
        if alias.name == "*":
            module.stars.append(base)
        else:
            module.imported[alias.asname or alias.name] = (base, alias.name)


def _names(statement: ast.stmt) -> Iterator[tuple[str, ...]]:
    """Yield each name that is read, with the attributes that are taken of it: `a.b.c` as (a, b, c)."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Function | ast.ClassDef):
            options = [each for each in node.decorator_list if is_operator(each)]
            waiting += [child for child in ast.iter_child_nodes(node) if child not in options]
            continue
        chain: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            chain.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield (inner.id, *reversed(chain))
        elif chain:
            waiting.append(inner)
        else:
            waiting += ast.iter_child_nodes(node)


def _texts(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            yield node.value


def _hash_of(statements: list[ast.stmt]) -> str:
    return hashlib.sha256("\n".join(map(_text_of, statements)).encode()).hexdigest()


def _text_of(statement: ast.stmt) -> str:
    """The statement without comments, layout and the options of an operator."""
    if not isinstance(statement, _Function | ast.ClassDef):
        return ast.unparse(statement)
    decorators = statement.decorator_list
    statement.decorator_list = [each for each in decorators if not is_operator(each)]
    try:
        return ast.unparse(statement)
    finally:
        statement.decorator_list = decorators
