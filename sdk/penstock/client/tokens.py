"""The token of this user: of the environment, or of a file that only they can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from penstock_access.credentials import Credential

from . import discovery
from .errors import ClientError

VARIABLE = "PENSTOCK_TOKEN"
FILE_VARIABLE = "PENSTOCK_TOKEN_FILE"
TOKEN_CHARS_MAX = 16_000


class BadTokenFile(ClientError):
    """The file with the token cannot be used."""


def credentials_file() -> Path:
    """Return where a token is looked for: PENSTOCK_TOKEN_FILE, or `penstock/token` in the user's folder of settings."""
    if given := os.environ.get(FILE_VARIABLE):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "penstock" / "token"


def found_credential(address: str) -> Credential:
    """Return the token of this user for an address; without one, calls carry none. Raises BadTokenFile.

    It is that of PENSTOCK_TOKEN, of the file of PENSTOCK_TOKEN_FILE, of the stack on this machine if that has this
    address, or of the user's own file.
    """
    if token := os.environ.get(VARIABLE, "").strip():
        return Credential(token)
    path, others = credentials_file(), stat.S_IRWXO
    if not os.environ.get(FILE_VARIABLE):  # where one is named, a group may read it: containers get their files so
        others |= stat.S_IRWXG
    if not os.environ.get(FILE_VARIABLE) and (stack := discovery.found_at(address)) and stack.token_file:
        path = Path(stack.token_file)
    try:
        with path.open(encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & others:
                raise BadTokenFile(f"others can read the token in {path}: run `chmod 600 {path}`")
            return Credential(file.read(TOKEN_CHARS_MAX).strip())
    except FileNotFoundError:
        if os.environ.get(FILE_VARIABLE):
            raise BadTokenFile(f"{FILE_VARIABLE} names {path}, which does not exist") from None
        return Credential()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTokenFile(f"cannot read the token in {path}: {error}") from None


def credential_of(token: str | None, address: str) -> Credential:
    """Return the token of a client: the given one, or without one that of `found_credential`."""
    return found_credential(address) if token is None else Credential(token)
