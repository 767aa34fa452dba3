"""Names of code in documents, `member/file.py` and `member/file.py:name`, looked up without importing anything."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.test_style import package_of

# A path from the repository's root, and what is defined there: a name, or Class.method. A path within a member may
# leave out the folder of its package. A name of a file without its folder means any such file.
REFERENCE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|sh|proto|sql|md)|(?:[\w.-]+/)+)(?::([A-Za-z_][\w.]*))?`")


class Reference(NamedTuple):
    """What a document names."""

    path: str
    name: str  # empty: the file or folder alone

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.name else self.path


def references(document: str) -> list[Reference]:
    """Return everything in backticks that names a file, a folder, or something that a file defines."""
    return [Reference(path, name) for path, name in REFERENCE.findall(document)]


def missing(root: Path, named: list[Reference]) -> list[str]:
    """Return the references that lead nowhere."""
    return [str(one) for one in named if not exists(root, one)]


def place(root: Path, one: Reference) -> Path:
    """Return where the path leads: from the root, or from the package of the member that it begins with."""
    member, _, rest = one.path.partition("/")
    found = root / member / package_of(member) / rest
    return found if rest and found.exists() else root / one.path


def exists(root: Path, one: Reference) -> bool:
    """Whether the file is there and defines the name."""
    path = place(root, one)
    if not one.name:
        return path.is_dir() if one.path.endswith("/") else path.is_file()
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return re.search(rf"^\s*(?:rpc|message|enum|service)\s+{re.escape(one.name)}\b", text, re.MULTILINE) is not None
    return one.name in set(defined(ast.parse(text)))


def defined(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Yield every name that a module defines, and those of its classes as Class.name."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from defined(node, f"{prefix}{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.Assign(targets=targets):
                yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
            case _:
                pass


def members_of(root: Path, one: Reference) -> dict[str, list[str]]:
    """Return the arguments of each method of a class but self, and its attributes, which have none."""
    tree = ast.parse(place(root, one).read_text(encoding="utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == one.name)
    members: dict[str, list[str]] = {}
    for node in ast.walk(found):
        match node:
            case ast.FunctionDef(name=name, args=args):
                given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
                members[name] = [argument.arg for argument in given if argument.arg != "self"]
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                members[name] = []
            case _:
                pass
    return members
