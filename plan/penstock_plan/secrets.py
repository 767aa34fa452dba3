"""Secrets by name: whoever runs a process gives it the values, in its environment or in a folder of files."""

import base64
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

# The environment variable PENSTOCK_SECRET_HF_TOKEN has the secret hf-token.
PREFIX: Final = "PENSTOCK_SECRET_"
# Names the folder in which the file hf-token has it; such as one that Kubernetes mounts.
FOLDER_VARIABLE: Final = "PENSTOCK_SECRETS_FOLDER"
NAME_CHARS_MAX: Final = 64
# Of one operator.
COUNT_MAX: Final = 32
VALUE_BYTES_MAX: Final = 64 * 1024
NAME: Final = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
# Others may not read it, and its group may not change it. A folder that Kubernetes mounts is readable for its group.
MODE_REFUSED: Final = 0o037
# Shorter values, and lines of values, would stand for too much that is none.
HIDDEN_CHARS_MIN: Final = 4
HIDDEN_LINE_CHARS_MIN: Final = 8


class SecretError(Exception):
    """A secret cannot be used; the text names it and the remedy, never its value."""


class SecretMissing(SecretError):
    """Nobody gave this process the secret."""


def check_name(name: str) -> None:
    """Raise SecretError for what cannot be a name."""
    if len(name) > NAME_CHARS_MAX or not NAME.fullmatch(name):
        raise SecretError(
            f"invalid name of a secret {name[:NAME_CHARS_MAX]!r}: expected lower-case letters and digits, in words "
            f"joined by '-' or '_', at most {NAME_CHARS_MAX} characters"
        )


def variable_of(name: str) -> str:
    """Return the environment variable that has a secret."""
    return PREFIX + name.upper().replace("-", "_")


def places_of(name: str, folder: str) -> str:
    """Return in words where a secret is looked for."""
    place = f"the file {folder.rstrip('/')}/{name}" if folder else f"a file {name} in the folder {FOLDER_VARIABLE}"
    return f"the environment variable {variable_of(name)} or {place}"


def read(name: str, environment: Mapping[str, str], folder: str = "") -> str:
    """Return a secret's value, without the line's end that a file has; raise SecretMissing, SecretError."""
    check_name(name)
    if (value := environment.get(variable_of(name))) is not None:
        if not value:
            raise SecretMissing(f"the secret {name} is empty: set {variable_of(name)}")
        return value
    if not folder or (value := _file(name, Path(folder) / name)) is None:
        raise SecretMissing(f"the secret {name} is missing here: set {places_of(name, folder)}")
    return value


class Redactor:
    """Hides values of secrets in texts, also as Python, JSON, base64 and URLs write them, and line by line."""

    def __init__(self, values: Mapping[str, str]) -> None:
        found: dict[str, str] = {}
        for name, value in values.items():
            for form in _forms(value):
                found.setdefault(form, f"[secret {name}]")
        # The longest first: one may be a part of another.
        self._hidden = sorted(found.items(), key=lambda item: -len(item[0]))

    def __call__(self, text: str) -> str:
        for value, shown in self._hidden:
            if value in text:
                text = text.replace(value, shown)
        return text


def _forms(value: str) -> set[str]:
    if len(value) < HIDDEN_CHARS_MIN:
        return set()
    lines = {line.strip() for line in value.splitlines() if len(line.strip()) >= HIDDEN_LINE_CHARS_MIN}
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {value, repr(value)[1:-1], quote(value, safe=""), encoded, *lines}


def _file(name: str, path: Path) -> str | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(f"the secret {name} cannot be read: {path}: {error.strerror}") from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise SecretError(f"the secret {name} cannot be read: {path} is not a file")
        if found.st_mode & MODE_REFUSED:
            raise SecretError(
                f"the secret {name} is open to others: {path} has mode {stat.S_IMODE(found.st_mode):04o}; "
                f"`chmod 600 {path}`, or defaultMode: 0400 in Kubernetes"
            )
        data = os.read(file, VALUE_BYTES_MAX + 1)
    finally:
        os.close(file)
    if len(data) > VALUE_BYTES_MAX:
        raise SecretError(f"the secret {name} is too large: {path} has more than {VALUE_BYTES_MAX:,} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretError(f"the secret {name} is not UTF-8 text: {path}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\0" in text:
        raise SecretError(f"the secret {name} is empty or has a NUL character: {path}")
    return text
