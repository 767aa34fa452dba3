"""Triggers: which deliveries of other programs start which workflows, and whether a delivery is real.

A file says which triggers there are. A delivery is signed as Standard Webhooks (standardwebhooks.com) describe it.
"""

import base64
import binascii
import hashlib
import hmac
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import GatewayError

NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,49}$"
# How old or how much in the future a delivery may be.
WINDOW_S: Final = 300
SECRET_PREFIX: Final = "whsec_"
SECRETS_BYTES_MAX: Final = 4_096
KEY_BYTES_MIN: Final = 16
SIGNATURES_MAX: Final = 10


class BadTriggers(GatewayError):
    """The file of triggers, or a secret that it names, cannot be used."""


class NotReal(GatewayError):
    """A delivery has no valid signature, or is too old."""


class Trigger(BaseModel):
    """What a delivery starts.

    Attributes:
        workflow: NAME, NAME@VERSION or NAME@ALIAS.
        secret_file: Holds the secret, whsec_ and base64; several lines are several secrets, each of which is valid.
        input: The input that gets the whole body; empty: the fields of the body are the inputs.
        token_file: Holds the API token that the runs are started with, where access control is on.
        team: Of the runs; empty: the team of the workflow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    workflow: str = Field(min_length=1, max_length=200)
    secret_file: Path
    token_file: Path | None = None
    input: str = ""
    team: str = ""
    labels: dict[str, str] = Field(default_factory=dict[str, str])

    def token(self) -> str:
        """Read the API token, empty if there is none; raise BadTriggers."""
        try:
            return "" if self.token_file is None else self.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadTriggers(f"cannot read a token from {self.token_file}: {error}") from None

    def keys(self) -> list[bytes]:
        """Read the secrets, which may have been replaced; raise BadTriggers."""
        try:
            with self.secret_file.open() as file:
                lines = file.read(SECRETS_BYTES_MAX).split()
            keys = [base64.b64decode(line.removeprefix(SECRET_PREFIX), validate=True) for line in lines]
        except (OSError, UnicodeDecodeError, binascii.Error) as error:
            raise BadTriggers(f"cannot read a secret from {self.secret_file}: {error}") from None
        if not keys or min(map(len, keys)) < KEY_BYTES_MIN:
            raise BadTriggers(f"{self.secret_file} has a secret of fewer than {KEY_BYTES_MIN} bytes, or none")
        return keys


_FILE: Final = TypeAdapter(dict[Annotated[str, Field(pattern=NAME_PATTERN)], Trigger])


def read_triggers(path: str) -> Mapping[str, Trigger]:
    """Return the triggers of a TOML file by name, none without a file; raise BadTriggers."""
    if not path:
        return {}
    try:
        found = _FILE.validate_python(tomllib.loads(Path(path).read_text()))
    except (OSError, ValueError) as error:
        text = (
            "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise BadTriggers(f"cannot use the triggers of {path}: {text}") from None
    for trigger in found.values():
        trigger.keys()
        trigger.token()
    return found


def check(headers: Mapping[str, str], body: bytes, keys: list[bytes], now_s: float) -> str:
    """Return the id of a delivery; raise NotReal."""
    delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or not (at.isascii() and at.isdecimal()):
        raise NotReal("the headers webhook-id, webhook-timestamp and webhook-signature are required")
    if abs(int(at[:18]) - now_s) > WINDOW_S:
        raise NotReal(f"the delivery is more than {WINDOW_S} s away from now")
    signed = f"{delivery}.{at}.".encode("latin-1") + body
    wanted = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    given = headers.get("webhook-signature", "").split(" ")[:SIGNATURES_MAX]
    signatures = [one[3:].encode("latin-1") for one in given if one.startswith("v1,")]
    if not any(hmac.compare_digest(one, each) for one in signatures for each in wanted):
        raise NotReal("no signature of the delivery is valid")
    return delivery
