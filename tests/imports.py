"""The drawing of imports: which file of a member imports which, those for type checkers included."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Who imports whom: names of modules or of rooms.
Drawing = Mapping[str, set[str]]


@dataclass(frozen=True)
class Module:
    """One file of a member; `package` is what its relative imports start from."""

    name: str
    package: str
    room: str  # the folder, as a dotted name

    @classmethod
    def of(cls, member: Path, path: Path) -> "Module":
        parts = path.relative_to(member).with_suffix("").parts
        room = ".".join(parts[:-1])
        name = room if parts[-1] == "__init__" else ".".join(parts)
        return cls(name, room, room)


def drawing_of(member: Path, trees: Mapping[Path, ast.Module]) -> tuple[dict[str, Module], Drawing]:
    """Return the modules of one member by name, and which of them each one imports."""
    modules = {module.name: module for path in trees for module in [Module.of(member, path)]}
    drawing = {
        module.name: {found for found in _imported(module, tree, modules) if found != module.name}
        for path, tree in trees.items()
        for module in [Module.of(member, path)]
    }
    return modules, drawing


def _imported(importer: Module, tree: ast.Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in modules)
            case ast.ImportFrom(module=module, names=names, level=level):
                source = _source(importer, module, level)
                for alias in names:
                    # A name is a module of the package, or something within the package's own file.
                    for name in (f"{source}.{alias.name}", source):
                        if name in modules:
                            yield name
                            break
            case _:
                pass


def _source(importer: Module, module: str | None, level: int) -> str:
    if not level:
        return module or ""
    parts = importer.package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def rooms_of(modules: Mapping[str, Module], drawing: Drawing, top: str) -> Drawing:
    """Return which room imports which. The member's top folder is no room: its files may both serve and assemble."""
    rooms: dict[str, set[str]] = {module.room: set() for module in modules.values() if module.room != top}
    for importer, imported in drawing.items():
        room = modules[importer].room
        if room != top:
            rooms[room] |= {modules[name].room for name in imported} - {room, top}
    return rooms


def circles(drawing: Drawing) -> list[list[str]]:
    """Return each set of names that all reach one another, sorted."""
    reached = {name: _reached(drawing, name) for name in drawing}
    found = {
        tuple(sorted(other for other in drawing if other in reached[name] and name in reached[other]))
        for name in drawing
        if name in reached[name]
    }
    return sorted(map(list, found))


def _reached(drawing: Drawing, start: str) -> set[str]:
    reached: set[str] = set()
    waiting: Iterable[str] = drawing[start]
    while waiting:
        new = set(waiting) - reached
        reached |= new
        waiting = [name for one in new for name in drawing.get(one, ())]
    return reached
