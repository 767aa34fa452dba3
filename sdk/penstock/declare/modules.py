"""Names and places of code as a worker will find them: module, qualified name, the folder they are imported from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, NamedTuple

OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Frame of the caller that many calls up; inspect.stack() would read every source file on the way.
frame_at = sys._getframe  # pyright: ignore[reportPrivateUsage]

_LIBRARIES = (OWN_FOLDER, os.path.dirname(os.__file__) + os.sep, "<frozen ")


class Place(NamedTuple):
    """A line of code, for messages."""

    file: str
    line: int


def place_of(frame: FrameType) -> Place:
    """The line that the frame is at now."""
    return Place(frame.f_code.co_filename, frame.f_lineno)


def place_of_function(fn: FunctionType) -> Place:
    """The line where the function is declared."""
    return Place(fn.__code__.co_filename, fn.__code__.co_firstlineno)


def user_frame(depth: int) -> FrameType:
    """The nearest frame in somebody's own code, where a library was called on the way."""
    nearest = frame = frame_at(depth + 1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_library(file):
            return frame
        frame = frame.f_back
    return nearest


def is_library(file: str) -> bool:
    """Whether a file is installed: of Python itself, of Penstock, or of a package that `pip` put there."""
    parts = ("site-packages", "dist-packages")
    return file.startswith(_LIBRARIES) or any(f"{os.sep}{part}{os.sep}" in file for part in parts)


def is_below(file: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, whatever links lead there."""
    return os.path.realpath(file).startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)


def is_users(module: Any) -> bool:
    """Whether a module is somebody's own code, not an installed package."""
    name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
    if file is None:  # a folder without an __init__.py, or nothing that has a file
        file = next(iter(getattr(module, "__path__", [])), None)
    return isinstance(file, str) and not is_library(file) and not name.startswith(("penstock.", "penstock_"))


def module_name(module: str) -> str:
    """The name that a worker imports; a program's main file is imported by its own name there."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None and main.__spec__ is not None:
        return main.__spec__.name
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else module


def qualified_name(cls: type) -> str:
    """Module and name of a class, joined by a dot; builtins without their module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{module_name(cls.__module__)}.{cls.__qualname__}"


def root_of(module: str, file: str) -> Path:
    """The folder on `sys.path` that a module was imported from."""
    path = Path(file).resolve()
    depth = module_name(module).count(".") + (path.name == "__init__.py")
    return path.parents[min(depth, len(path.parents) - 1)]


def relative(file: str, root: Path) -> str:
    """The file's path below the root, or below the folder it was imported from; the same on every machine."""
    path = os.path.realpath(file)
    folders = [str(root), *sorted(map(os.path.realpath, filter(None, sys.path)), key=len, reverse=True)]
    for folder in folders:
        if path.startswith(folder.rstrip(os.sep) + os.sep):
            return Path(os.path.relpath(path, folder)).as_posix()
    return os.path.basename(path)


def lookup(module: str, qualname: str) -> Any:
    """The object that a worker would find under this name; None if there is none."""
    found: Any = sys.modules.get("__main__" if module_name("__main__") == module else module) or sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def find_class(qualified: str) -> Any:
    """The object that `qualified_name` names, in a module that was imported; None if there is none."""
    parts = qualified.split(".")
    for count in range(len(parts) - 1, 0, -1):
        if (found := lookup(".".join(parts[:count]), ".".join(parts[count:]))) is not None:
            return found
    return None
