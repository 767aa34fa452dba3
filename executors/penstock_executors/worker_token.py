"""The token of a worker: exchanged at the authority, renewed, and kept where the processes of operators read it."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from penstock_access.credentials import Credential
from penstock_proto.access.v1 import service_pb2, service_pb2_grpc
from penstock_proto.state_tracker.v1 import service_pb2 as tracker_pb2
from penstock_proto.state_tracker.v1 import service_pb2_grpc as tracker_grpc

TIMEOUT_S: Final = 10.0
LOOK_EVERY_S: Final = 5.0
_grpc: Any = grpc
log = logging.getLogger(__name__)


class WorkerToken:
    """Call `renew` before the first call, and let `keep` run.

    Args:
        file: Where the token is written, readable for this user only.
        authority: HOST:PORT; empty: as a State Tracker says.
        trackers: HOST:PORT of State Trackers, to ask one of them.
        open_channel: Opens a channel to an address.
    """

    def __init__(
        self,
        credential: Credential,
        file: Path,
        authority: str,
        trackers: tuple[str, ...],
        open_channel: Callable[[str], Any],
    ) -> None:
        self._credential, self._file = credential, file
        self._authority, self._trackers, self._open = authority, trackers, open_channel

    @property
    def file(self) -> str:
        """The file; empty if there is no token."""
        return str(self._file) if self._credential.is_given else ""

    async def renew(self) -> None:
        """Exchange the token if that is due; raises grpc.aio.AioRpcError."""
        if not self._credential.is_given:
            return
        if self._credential.is_due:
            await self._credential.renew(self._exchange)
        self._write()

    async def keep(self) -> None:
        """Renew the token in time until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if self._credential.is_due:
                    await self.renew()
            except _grpc.aio.AioRpcError as error:
                log.warning("the token of this worker cannot be renewed, retrying: %s", error.details())

    async def _exchange(self, token: str) -> tuple[str, float]:
        authority = self._authority or await self._ask_where()
        stub: Any = service_pb2_grpc.AuthorityServiceStub(self._open(authority))
        answer = await stub.Exchange(service_pb2.ExchangeRequest(api_token=token), timeout=TIMEOUT_S)
        return answer.access_token, float(answer.expires_in_s)

    async def _ask_where(self) -> str:
        *others, last = self._trackers
        for tracker in others:
            try:
                return await self._registry_of(tracker)
            except _grpc.aio.AioRpcError:
                pass
        return await self._registry_of(last)

    async def _registry_of(self, tracker: str) -> str:
        generated: Any = tracker_grpc
        stub: Any = generated.StateTrackerServiceStub(self._open(tracker))
        info: tracker_pb2.InfoResponse = await stub.Info(tracker_pb2.InfoRequest(), timeout=TIMEOUT_S)
        return info.registry_address or tracker

    def _write(self) -> None:
        """Replace the file whole."""
        made = self._file.with_suffix(".new")
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self._credential())
        made.replace(self._file)


def read_token(path: str) -> str:
    """Return the token that a worker keeps for its processes; empty if there is none."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""
