"""`penstock login` and `logout`: a person's own session, kept in a file that only they can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import exits, terminal
from .options import Address, AsJson, Data

if TYPE_CHECKING:
    from ..client.sign_in import Prompt


def login(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Sign in with the identity provider of the deployment.

    Open the page that is shown, on any device, and enter the code. The session is kept in a file that only you can
    read; all commands and the Python client use it, and get short-lived tokens for it by themselves.
    """
    import asyncio
    import os

    from ..client import AsyncClient
    from ..client.sign_in import keep_token, sign_in
    from ..client.tokens import VARIABLE, credentials_file

    async def begin() -> int:
        async with AsyncClient(address, data=data, token="") as client:
            begun = await sign_in(client, _show)
        path = credentials_file()
        keep_token(path, begun.secret)
        ends = datetime.fromtimestamp(begun.token.expires_at_us / 1e6, UTC)
        if as_json:
            who = {"subject": begun.token.subject, "name": begun.token.name}
            terminal.json_out({**who, "ends": ends.isoformat(), "file": str(path)})
        else:
            terminal.line(f"signed in as {begun.token.name}, until {ends:%Y-%m-%d %H:%M} UTC")
        if os.environ.get(VARIABLE):
            terminal.line(f"{VARIABLE} is set, and is used instead of this session: unset it", to_stderr=True)
        return exits.SUCCEEDED

    return asyncio.run(begin())


def logout(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Stop the session that `penstock login` began.

    Tokens that were given for the session end within five minutes.
    """
    import asyncio

    from penstock_access.credentials import token_id
    from penstock_proto.access.v1 import service_pb2

    from ..client import AsyncClient, ClientError
    from ..client.tokens import credentials_file

    path = credentials_file()
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError:
        terminal.json_out({"signed_out": False}) if as_json else terminal.line("nobody is signed in")
        return exits.SUCCEEDED

    async def end() -> str:
        async with AsyncClient(address, data=data, token=token) as client:
            try:
                request = service_pb2.RevokeTokenRequest(id=token_id(token) or token)
                await client.connection.call("authority", "RevokeToken", request)
            except ClientError as error:
                return str(error)
        return ""

    trouble = asyncio.run(end())
    path.unlink(missing_ok=True)
    if as_json:
        terminal.json_out({"signed_out": True, "is_revoked": not trouble})
    else:
        terminal.line("signed out")
    if trouble:
        terminal.line(f"the session was not ended at the services, and ends by itself: {trouble}", to_stderr=True)
        return exits.FAILED
    return exits.SUCCEEDED


def _show(prompt: Prompt) -> None:
    if prompt.complete:
        terminal.line(f"open {prompt.complete}", to_stderr=True)
        terminal.line(f"and compare the code: {prompt.code}", to_stderr=True)
    else:
        terminal.line(f"open {prompt.page} and enter the code {prompt.code}", to_stderr=True)
