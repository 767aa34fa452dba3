"""`penstock certs`: a small authority for the certificates of services, workers and people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import PenstockError
from . import exits, terminal
from .options import AsJson

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Use the authority in this folder.")]
DAYS, LOCAL = 90, ["localhost", "127.0.0.1"]


def init(
    folder: Folder,
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="Use spiffe://NAME at the beginning of all identities.")
    ] = "penstock",
    as_json: AsJson = False,
) -> int:
    """Make an authority: ca.pem, which everybody may have, and ca-key.pem, which nobody else may.

    Keep ca-key.pem away from the hosts of services: it is only needed to issue certificates.
    """
    path = _certificates().make_authority(folder, deployment)
    if as_json:
        terminal.json_out({"ca": str(path), "deployment": deployment})
    else:
        terminal.line(f"made {path}; `penstock certs issue {folder} state-tracker` issues the first certificate")
    return exits.SUCCEEDED


def issue(
    folder: Folder,
    role: Annotated[str, typer.Argument(help="Give it to this kind of process, such as worker or user.")],
    name: Annotated[str, typer.Argument(help="Use this name for the instance and its files (default: the role).")] = "",
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Let others call it by this name or address; repeatable."),
    ] = None,
    days: Annotated[float, typer.Option(help="Let it end after this many days.")] = DAYS,
    as_json: AsJson = False,
) -> int:
    """Issue a certificate for spiffe://DEPLOYMENT/ROLE/NAME, or renew it.

    Services and clients read renewed files without a restart. localhost and 127.0.0.1 are always among the hosts.
    """
    done = _certificates().issue(folder, role, name, hosts=list(dict.fromkeys([*LOCAL, *(host or [])])), days=days)
    variables = {
        "PENSTOCK_TLS_CA": str(done.ca.absolute()),
        "PENSTOCK_TLS_CERTIFICATE": str(done.certificate.absolute()),
        "PENSTOCK_TLS_KEY": str(done.key.absolute()),
    }
    if as_json:
        terminal.json_out({"identity": done.identity, "ends": done.ends.isoformat(), "environment": variables})
        return exits.SUCCEEDED
    for variable, value in variables.items():
        terminal.line(f"export {variable}={value}")
    terminal.line(f"{done.identity} is valid until {done.ends:%Y-%m-%d}", to_stderr=True)
    return exits.SUCCEEDED


def _certificates() -> Any:
    try:
        from penstock_stack import certificates
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("penstock_stack"):
            raise PenstockError("certificates are made by the stack's package: pip install 'penstock[local]'") from None
        raise
    return certificates
