"""Access control of services that one command starts: their key, and the tokens of their first admin and workers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from penstock.client import AsyncClient
from penstock.client.identity import user_name
from penstock.client.sign_in import keep_token
from penstock_access import keys
from penstock_access.credentials import token_id
from penstock_access.errors import BadKeyFile
from penstock_access.keys import ServiceTokens
from penstock_access.principal import DEPLOYMENT
from penstock_proto.tls import Tls
from penstock_proto.wire import DEFAULT_POOL

from .errors import NotStarted

SERVICE_KEY: Final = "service.key"
ADMIN_TOKEN: Final = "admin.token"
WORKER_TOKEN: Final = "worker.token"
DAY_S: Final = 86_400
# The longest that the authority allows.
LASTS_S: Final = 366 * DAY_S
# A token that ends earlier is replaced at the next start.
LEFT_S_MIN: Final = 90 * DAY_S


class Secured:
    """Keeps all of it in files that only this user can read.

    Args:
        folder: Of the data; it is there when the first of them is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: Ed25519PrivateKey | None = None
        self._tokens: ServiceTokens | None = None
        self.admin_token, self.worker_token = folder / ADMIN_TOKEN, folder / WORKER_TOKEN

    @property
    def is_set_up(self) -> bool:
        """Whether these data were served with access control before."""
        return (self._folder / SERVICE_KEY).exists()

    def key(self) -> Ed25519PrivateKey:
        """Return the key that all services share, made at first; raise NotStarted."""
        if self._key is None:
            try:
                self._key = keys.read_file(self._key_file())
            except BadKeyFile as error:
                raise NotStarted(str(error)) from None
        return self._key

    def token(self) -> str:
        """Return a token of a service, which may do everything for some minutes."""
        if self._tokens is None:
            self._tokens = ServiceTokens(self.key(), "stack")
        return self._tokens()

    def of_service(self, authority: str) -> dict[str, str]:
        """Return the variables of a service."""
        return {
            "PENSTOCK_ACCESS": "true",
            "PENSTOCK_AUTHORITY": authority,
            "PENSTOCK_SERVICE_KEY_FILE": str(self._key_file()),
        }

    def of_worker(self, authority: str) -> dict[str, str]:
        """Return the variables of a worker, once its token was made."""
        return {"PENSTOCK_TOKEN_FILE": str(self.worker_token), "PENSTOCK_AUTHORITY": authority}

    async def make_tokens(self, state_tracker: str, files: Tls, *, workers: bool) -> Path:
        """Let the authority, which has to run, make tokens unless those in the files last; raise ClientError.

        Returns the file of the first admin.

        Args:
            files: To call the services with.
            workers: Whether there are workers that need one.
        """
        async with AsyncClient(state_tracker, token=self.token()) as client:
            client.connection.tls = files
            enough_us = (time.time() + LEFT_S_MIN) * 1e6
            lasting = {
                one.id
                for one in await client.access.tokens()
                if not one.revoked_at_us and one.expires_at_us > enough_us
            }
            if _id_in(self.admin_token) not in lasting:
                subject = f"local|{user_name()}"
                await client.access.set_member(DEPLOYMENT, subject, "admin")
                token, _ = await client.access.create_token(
                    "admin of this stack", subject=subject, expires_in_s=LASTS_S
                )
                keep_token(self.admin_token, token)
            if workers and _id_in(self.worker_token) not in lasting:
                token, _ = await client.access.create_token(
                    "workers of this stack",
                    subject=f"workers|{DEFAULT_POOL}",
                    pool=DEFAULT_POOL,
                    expires_in_s=LASTS_S,
                )
                keep_token(self.worker_token, token)
        return self.admin_token

    def _key_file(self) -> Path:
        path = self._folder / SERVICE_KEY
        if not path.exists():
            keys.create_file(path)
        return path


def _id_in(path: Path) -> str:
    """Return the id of the token in a file; empty if there is none."""
    try:
        return token_id(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return ""
