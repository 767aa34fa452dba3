"""Access control of services that one command starts: their key, and the token of their workers."""

import asyncio
import os
from pathlib import Path
from typing import Final

from penstock.client import AsyncClient
from penstock_access import keys
from penstock_access.keys import ServiceTokens
from penstock_proto.tls import Tls

SERVICE_KEY: Final = "service.key"
WORKER_TOKEN: Final = "worker.token"
POOL: Final = "default"


class Secured:
    """Keeps both in files that only this user can read.

    Args:
        folder: Of the data; it is there when the first of them is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tokens: ServiceTokens | None = None

    def token(self) -> str:
        """Return a token of a service, which may do everything for some minutes."""
        if self._tokens is None:
            self._tokens = ServiceTokens(keys.read_file(self._key_file()), "stack")
        return self._tokens()

    def of_service(self, authority: str) -> dict[str, str]:
        """Return the variables of a service."""
        return {
            "PENSTOCK_ACCESS": "true",
            "PENSTOCK_AUTHORITY": authority,
            "PENSTOCK_SERVICE_KEY_FILE": str(self._key_file()),
        }

    def of_worker(self, state_tracker: str, authority: str, files: Tls) -> dict[str, str]:
        """Return the variables of a worker; its token is made once, by the authority, which has to run.

        Args:
            files: To call the services with.
        """
        path = self._folder / WORKER_TOKEN
        if not path.exists():
            token = asyncio.run(self._make_token(state_tracker, files))
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token)
        return {"PENSTOCK_TOKEN_FILE": str(path), "PENSTOCK_AUTHORITY": authority}

    async def _make_token(self, state_tracker: str, files: Tls) -> str:
        async with AsyncClient(state_tracker, token=self.token()) as client:
            client.connection.tls = files
            token, _ = await client.access.create_token("workers of this stack", subject=f"workers|{POOL}", pool=POOL)
        return token

    def _key_file(self) -> Path:
        path = self._folder / SERVICE_KEY
        if not path.exists():
            keys.create_file(path)
        return path
