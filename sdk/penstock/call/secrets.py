"""Secrets as operators read them: by name, from the worker that executes them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from penstock_plan import secrets

from ..errors import SecretUnavailable
from .context import current


def secret(name: str) -> str:
    """Return the value of a secret that the operator declares: `@operator(secrets=["hf-token"])`.

    Its worker has the value, in the environment variable PENSTOCK_SECRET_HF_TOKEN or in the file hf-token of the folder
    that PENSTOCK_SECRETS_FOLDER names. Where the operator is called as a plain function, this process has it.

    Raises:
        SecretUnavailable: It is missing, cannot be read, or is not declared.
    """
    execution = current("secret")
    return from_environment(name) if execution is None else execution.secret(name)


def from_environment(name: str) -> str:
    """Return the value that this process has; raise SecretUnavailable."""
    try:
        return secrets.read(name, os.environ, os.environ.get(secrets.FOLDER_VARIABLE, ""))
    except secrets.SecretError as error:
        raise SecretUnavailable(str(error)) from None


def refuse_undeclared(name: str, operator: str, declared: Sequence[str]) -> None:
    """Raise SecretUnavailable unless the operator declares the secret."""
    if name not in declared:
        names = [*declared, name]
        raise SecretUnavailable(
            f"the operator {operator} does not declare the secret {name!r:.80}: @operator(secrets={names!r:.250})"
        )
