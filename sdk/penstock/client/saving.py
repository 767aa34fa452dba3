"""Outputs become files of the caller: whole or not at all, and never over another file unasked."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..codecs import CodecError
from . import exports
from .errors import BadFormat, BadOutput, SaveFailed
from .trees import Tree

# Where to: a file, a folder, what is open for writing; None: the current folder.
Place = Path | str | BinaryIO | None


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: a file, or a folder of files."""

    path: Path
    size_bytes: int
    files: int = 1


def content(tree: Tree, suffix: str = "") -> exports.Content:
    """Return a value as files; raises BadFormat, BadOutput."""
    try:
        return exports.content(tree, suffix)
    except CodecError as error:
        raise BadOutput(str(error)) from error
    except ModuleNotFoundError as error:
        raise BadFormat(f"to save it in this format, install {error.name}") from error


def save(tree: Tree, default_name: str, file: Place, *, force: bool = False) -> Saved:
    """Write a value to a file, or to a folder if it has several parts; raises BadFormat, BadOutput, SaveFailed."""
    if not isinstance(file, Path | str | None):
        return _write(tree, file)
    wanted = Path(file).expanduser() if file is not None else Path()
    into = file is None or wanted.is_dir() or str(file).endswith(os.sep)
    made = content(tree, "" if into else wanted.suffix.lower())
    if into and not (isinstance(made, exports.Folder) and file is not None):
        suffix = made.suffix if isinstance(made, exports.File) else ""
        wanted = wanted / (made.name or exports.safe_name(default_name, suffix))
    try:
        if isinstance(made, exports.Folder):
            return _save_folder(wanted, made.files, force)
        _save_file(wanted, made.data, force)
        return Saved(wanted, sum(map(len, made.data)))
    except FileNotFoundError:
        raise SaveFailed(f"{wanted.parent} does not exist; create the folder first") from None
    except FileExistsError:
        raise SaveFailed(f"{wanted} exists; choose another name, or replace it with --force") from None
    except OSError as error:
        raise SaveFailed(f"{wanted} cannot be written: {error.strerror or error}") from error


def _write(tree: Tree, file: BinaryIO) -> Saved:
    made = content(tree)
    if isinstance(made, exports.Folder):
        raise BadFormat("the value has several parts, which become a folder; name one part of it, or a folder")
    for part in made.data:
        file.write(part)
    return Saved(Path("-"), sum(map(len, made.data)))


def _save_file(path: Path, data: Sequence[bytes | memoryview], force: bool) -> None:
    """Write beside it first, so that nobody finds half of it; then give it its name."""
    if not force and os.path.lexists(path):
        raise FileExistsError
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
            for part in data:
                file.write(part)
        if force:
            partial.replace(path)
        else:
            _name(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _name(partial: Path, path: Path) -> None:
    """Rename without replacing: a link fails where a file came meanwhile. Some file systems have no links."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        partial.replace(path)


def _save_folder(path: Path, files: Mapping[str, Sequence[bytes | memoryview]], force: bool) -> Saved:
    """A folder that is there keeps what it has; only files of the same names are replaced, if that is asked for."""
    size = sum(len(part) for data in files.values() for part in data)
    if path.is_dir():
        if (taken := [name for name in files if os.path.lexists(path / name)]) and not force:
            raise SaveFailed(f"{path / taken[0]} exists; choose another folder, or replace it with --force")
        for name, data in files.items():
            _save_file(path / name, data, force)
        return Saved(path, size, len(files))
    if os.path.lexists(path):
        raise SaveFailed(f"{path} is a file, but the value has several parts; choose a folder")
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        partial.mkdir()
        for name, data in files.items():
            _save_file(partial / name, data, force)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Saved(path, size, len(files))
