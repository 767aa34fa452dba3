"""A project's Python files as one archive, named by its hash: what workers import the operators from."""

import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

FILES_MAX = 10_000
BUNDLE_BYTES_MAX = 64 * 1024**2  # of the files, not of the archive
ARCHIVE_BYTES_MAX = 2 * BUNDLE_BYTES_MAX  # with the files' names; no larger one is read
COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # those that need little memory
DATA_FOLDER = ("version.json", "postgres", "artifacts")  # what a stack keeps: the bundles of earlier runs, too
SKIPPED = frozenset({"__pycache__", "node_modules", "build", "dist"})
NEVER = frozenset({".so", ".pyd", ".dll", ".dylib", ".pyc", ".pth"})  # code that nobody can read
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same in every archive, so that the same files make the same bytes
NAMED = 5  # files named in an error


class BundleError(Exception):
    """Base of all errors of bundles."""


class BundleTooLarge(BundleError):
    """The folder holds more Python than a project does; most likely it is the wrong folder."""


class BadBundle(BundleError):
    """The archive is corrupt, or would write outside its folder."""


class Bundle(NamedTuple):
    """The hash is the SHA-256 of the data."""

    hash: bytes
    data: bytes
    files: int


def build(
    root: Path,
    extra: Mapping[str, Path] | None = None,
    imported: Callable[[], Mapping[str, Path]] | None = None,
) -> Bundle:
    """Pack all .py files below a folder; equal files make equal bytes everywhere. Raises BundleTooLarge, BundleError.

    Hidden folders, virtual environments, data folders of a stack, `node_modules`, `__pycache__`, `build` and `dist` are
    left out, and so are links to folders, and files whose names are not text: nothing can import them. Other files are
    packed if the project's `pyproject.toml` includes them.

    Args:
        extra: More files, by their names in the archive.
        imported: What is packed if the folder holds more Python files than a bundle may: it is a folder of many
            scripts, or somebody's home.
    """
    if not root.is_dir():
        raise BundleError(f"{root} is not a folder")
    files = {name: root / name for name in islice(_python_files(root), FILES_MAX + 1)}
    if imported is not None and not _is_within_limits(files):
        files = dict(imported())
        warnings.warn(
            f"{root} holds more Python files than a bundle may: only what the operators import travels to the workers",
            stacklevel=2,
        )
    files |= {name: root / name for name in _included_files(root)}
    for name, path in (extra or {}).items():
        if name in files and not os.path.samefile(files[name], path):
            raise BundleError(f"both {files[name]} and {path} would be {name} on a worker; rename one of them")
        files[_archive_name(Path(name))] = path
    _check_limits(root, files)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, path in sorted(files.items()):
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.create_system = 3  # the same on every system
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_STORED  # compressed bytes differ between versions of zlib
            file.writestr(info, path.read_bytes())
    data = archive.getvalue()
    return Bundle(hashlib.sha256(data).digest(), data, len(files))


def unpack(data: bytes, folder: Path) -> Path:
    """Unpack into `folder/<hash>` unless that is there, and return it; raises BadBundle.

    The folder appears whole or not at all.
    """
    target = folder / hashlib.sha256(data).hexdigest()
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{os.getpid()}-{secrets.token_hex(8)}"
    temporary.mkdir()
    try:
        _extract(data, temporary)
        _rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _python_files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [each for each in folders if not _is_skipped(Path(folder, each))]
        for each in files:
            path = Path(folder, each)
            inner = path.relative_to(root)
            if each.endswith(".py") and is_text(inner) and path.is_file():
                yield inner.as_posix()


def _archive_name(path: Path) -> str:
    if not is_text(path):
        raise BundleError(f"the name of {str(path)!r} is not valid text; rename the file")
    return path.as_posix()


def is_text(path: Path) -> bool:
    """Whether a path has a name that others can read."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_left_out(folder: Path) -> bool:
    """Whether the files of a folder do not travel, wherever it lies in the project."""
    return folder.is_symlink() or _is_skipped(folder)


def _is_skipped(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in SKIPPED or (folder / "pyvenv.cfg").exists():
        return True
    return all((folder / name).exists() for name in DATA_FOLDER)


def _included_files(root: Path) -> Iterator[str]:
    """Files below the root that `include` of [tool.penstock] names, in the nearest pyproject.toml upwards."""
    for folder in (root, *root.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        patterns = _include_patterns(file)
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                inner = path.relative_to(root) if path.is_relative_to(root) else None
                if inner is not None and path.is_file() and path.suffix != ".py":
                    yield _archive_name(inner)
        return


def _include_patterns(file: Path) -> list[str]:
    try:
        found: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("penstock", {})
    except (OSError, ValueError) as error:
        raise BundleError(f"{file} cannot be read: {error}") from None
    patterns: Any = found.get("include", []) if isinstance(found, dict) else None  # pyright: ignore
    if not isinstance(patterns, list) or not all(_is_pattern(each) for each in patterns):  # pyright: ignore
        raise BundleError(f'{file}: include of [tool.penstock] must be patterns of files below it, such as ["*.json"]')
    return patterns  # pyright: ignore


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not value.startswith("/") and ".." not in value.split("/")


def _is_within_limits(files: Mapping[str, Path]) -> bool:
    return len(files) <= FILES_MAX and sum(path.stat().st_size for path in files.values()) <= BUNDLE_BYTES_MAX


def _check_limits(root: Path, files: Mapping[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total = sum(sizes.values())
    if len(files) > FILES_MAX or total > BUNDLE_BYTES_MAX:
        biggest = sorted(files, key=lambda name: (-sizes[name], name))[:NAMED]
        raise BundleTooLarge(
            f"{root} holds {len(files)} Python files of {total} bytes; the limits are {FILES_MAX} and "
            f"{BUNDLE_BYTES_MAX}. The largest: " + ", ".join(f"{name} ({sizes[name]} bytes)" for name in biggest)
        )


def _extract(data: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check(entries)
            for entry in entries:
                _write(archive, entry, folder / entry.filename)
    except BundleError:
        raise
    except Exception as error:  # what zipfile raises for damaged archives has no common base
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BundleError(
                f"the disk of {folder.parent} is full, a bundle cannot be unpacked: free some space"
            ) from error
        raise BadBundle(f"the bundle cannot be unpacked: {error}") from error


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, open(path, "xb") as file:
        file.write(source.read(entry.file_size))
        if source.read(1):  # the sizes that an archive announces may be lies
            raise BadBundle(f"{entry.filename!r} is larger than its header says")


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > FILES_MAX or sum(entry.file_size for entry in entries) > BUNDLE_BYTES_MAX:
        raise BadBundle(f"a bundle has at most {FILES_MAX} files of {BUNDLE_BYTES_MAX} bytes in all")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        mode = stat.S_IFMT(entry.external_attr >> 16)
        strange = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or "\0" in entry.orig_filename
        strange |= not path.name or entry.is_dir() or mode not in (0, stat.S_IFREG) or path.suffix in NEVER
        if strange or entry.compress_type not in COMPRESSIONS:
            raise BadBundle(f"a bundle may not contain {entry.filename!r}")


def _rename(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster, with the same bytes
            raise
