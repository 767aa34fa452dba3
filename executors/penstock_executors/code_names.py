"""What the code of users names: an operator can change only what it can name, so only that has to be compared."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

# Modules that have no settings; what else is imported may be changed by calling it.
_WITHOUT_SETTINGS: Final = frozenset(
    [
        "__future__",
        "abc",
        "collections",
        "contextvars",
        "dataclasses",
        "datetime",
        "enum",
        "fractions",
        "functools",
        "itertools",
        "json",
        "math",
        "numbers",
        "operator",
        "penstock",
        "pydantic",
        "re",
        "statistics",
        "string",
        "time",
        "types",
        "typing",
        "typing_extensions",
        "uuid",
    ]
)
_DYNAMIC: Final = frozenset(
    [
        "exec",
        "eval",
        "compile",
        "__import__",
        "__builtins__",
        "__dict__",
        "__globals__",
        "__setattr__",
        "__delattr__",
        "vars",
        "globals",
        "locals",
        "import_module",
        "getattr",
    ]
)
_CHANGING: Final = frozenset({"setattr", "delattr", "patch", "os", "sys", "gc", "signal", "threading", *_DYNAMIC})
_WORDS: Final = re.compile(r"[^\W\d]\w*")
WORDS_TEXT_MAX: Final = 200  # characters of a text that may name something


@dataclass
class CodeNames:
    """What the source of some modules names.

    Attributes:
        named: Names, attributes, and words of short texts.
        stored: Those that may be set or deleted on something else.
        is_dynamic: Whether the source cannot tell what is set.
        is_plain: Whether it neither sets attributes of others nor imports what has settings.
    """

    named: set[str] = field(default_factory=set[str])
    stored: set[str] = field(default_factory=set[str])
    is_dynamic: bool = False
    is_plain: bool = True

    def may_change(self, name: str) -> bool:
        """Whether the code may have set or deleted an attribute of this name."""
        return self.is_dynamic or name in self.stored


def names_in(modules: Iterable[ModuleType]) -> CodeNames:
    """Read the sources of modules; without a source, everything is possible."""
    found = CodeNames()
    own = {module.__name__.partition(".")[0] for module in modules}
    for module in modules:
        tree = _tree(module)
        if tree is None:
            found.is_dynamic, found.is_plain = True, False
            continue
        for node in ast.walk(tree):
            _take(node, own, found)
    return found


def _tree(module: ModuleType) -> ast.Module | None:
    try:
        source = module.__loader__.get_source(module.__name__)  # type: ignore[union-attr]  # pyright: ignore
        return ast.parse(source) if isinstance(source, str) else None
    except Exception:  # whatever a loader of somebody raises
        return None


def _take(node: ast.AST, own: set[str], found: CodeNames) -> None:
    match node:
        case ast.Import(names=aliases):
            found.named.update(part for alias in aliases for part in alias.name.split("."))
            found.is_plain &= all(_is_harmless(alias.name, own) for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            found.named.update((module or "").split("."))
            found.named.update(alias.name for alias in aliases)
            found.is_plain &= bool(level) or _is_harmless(module or "", own)
        case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del(), value=value):
            found.named.add(name)
            if not (isinstance(value, ast.Name) and value.id == "self"):
                found.stored.add(name)
                found.is_plain = False
        case ast.Attribute(attr=name) | ast.Name(id=name):
            found.named.add(name)
            if name in _CHANGING:
                found.is_plain = False
            if name in _DYNAMIC and name != "getattr":
                found.is_dynamic = True
        case ast.Constant(value=str(text)) if len(text) <= WORDS_TEXT_MAX:
            words = _WORDS.findall(text)
            found.named.update(words)
            found.stored.update(words)
        case _:
            pass


def _is_harmless(module: str, own: set[str]) -> bool:
    top = module.partition(".")[0]
    return top in _WITHOUT_SETTINGS or top in own
