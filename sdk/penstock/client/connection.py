"""The services, reached over gRPC: a channel an address, retries with back-off, owners followed, errors translated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from google.protobuf.message import Message
from penstock_access.credentials import Channel, Credential
from penstock_proto import tls
from penstock_proto.access.v1 import service_pb2 as access_pb2
from penstock_proto.access.v1 import service_pb2_grpc as access
from penstock_proto.action_service.v1 import service_pb2_grpc as actions
from penstock_proto.artifact_store.v1 import service_pb2_grpc as artifacts
from penstock_proto.channels import open_channel
from penstock_proto.history.v1 import service_pb2_grpc as history
from penstock_proto.notifications.v1 import service_pb2_grpc as notifications
from penstock_proto.registry.v1 import service_pb2_grpc as registry
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.state_tracker.v1 import service_pb2_grpc as tracker
from penstock_proto.wire import OWNER_TRAILER, RETRY_AFTER_TRAILER, shard_of

from .discovery import found_at
from .errors import REFUSED, CertificateUnusable, ClientError, Overloaded, Refused, Unreachable

CALL_TIMEOUT_S = 30.0
TRANSFER_TIMEOUT_S = 3600.0
# How long a call is tried again while nobody answers; starting a stack takes about two seconds.
PATIENCE_S = 10.0
BACKOFF_S, BACKOFF_MAX_S = 0.05, 1.0
# Times that an overloaded service is asked again, and owners that are followed, in one call.
OVERLOADED_MAX, OWNERS_MAX = 20, 8
MESSAGE_BYTES_MAX = 16 << 20
# What gRPC says instead of the status when it was just writing as a call ended (grpc/grpc#36066).
LOST_STATUS = "Internal error from Core"

_grpc = cast(Any, grpc)  # has no type information of its own
_STUBS: dict[str, Any] = {
    "state_tracker": cast(Any, tracker).StateTrackerServiceStub,
    "artifact_store": cast(Any, artifacts).ArtifactStoreServiceStub,
    "action_service": cast(Any, actions).ActionServiceStub,
    "authority": cast(Any, access).AuthorityServiceStub,
    "registry": cast(Any, registry).RegistryServiceStub,
    "history": cast(Any, history).HistoryServiceStub,
    "notifications": cast(Any, notifications).NotificationsServiceStub,
}
_CODES: dict[int, str] = {code.value[0]: code.name for code in _grpc.StatusCode}
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A stack that was restarted is found again at once, not after a back-off of minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    # Despite its name, how long one attempt to connect may take. A busy machine needs more than the back-off.
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Calls go to this machine or to a named service, never through a proxy of the environment.
    ("grpc.enable_http_proxy", 0),
]


class Connection:
    """Calls by name of service and method. Bound to the event loop it is first used on.

    Args:
        address: HOST:PORT, called with TLS if the process uses it. `grpcs://HOST:PORT` is called with TLS in any
            case, `grpc://HOST:PORT` without. All services of a deployment are called alike. Several State Trackers are
            separated by commas: while the first does not respond, the next one is called.
    """

    def __init__(self, address: str, patience_s: float = PATIENCE_S, credential: Credential | None = None) -> None:
        address, self.tls = tls.split_scheme(address, tls.chosen())
        # The one that is called is the first.
        self._trackers = [one.strip() for one in address.split(",") if one.strip()] or [address]
        if not self.tls.is_used and (stack := found_at(self.address)):
            self.tls = tls.Tls(ca=stack.ca)
        self.patience_s = patience_s
        # The token that calls carry.
        self.credential = Credential() if credential is None else credential
        # Where services are, by name, for a program that is not where the deployment expects clients.
        self.places: dict[str, list[str]] = {}
        self._channels: dict[str, Any] = {}
        self._stubs: dict[tuple[str, str], Any] = {}
        self._info: service_pb2.InfoResponse | None = None
        # State Trackers that were found to own shards, by shard; the others are asked for at this address.
        self._owners: dict[int, str] = {}

    @property
    def address(self) -> str:
        """The State Tracker that is called."""
        return self._trackers[0]

    def is_home(self, address: str) -> bool:
        """Whether an address was given, and not found: calls to it go to the others, too."""
        return address in self._trackers

    def next_after(self, address: str) -> str:
        """Return what to call instead of an address that does not respond: State Trackers take turns."""
        if not self.is_home(address):
            return address
        if address == self.address:
            self._trackers.append(self._trackers.pop(0))
        return self.address

    def retry_at(self, address: str, patience_s: float | None = None) -> Retry:
        """Return what calls an address, and knows where and when to call again."""
        return Retry(address, self.patience_s if patience_s is None else patience_s, self.next_after)

    async def close(self) -> None:
        channels, self._channels = list(self._channels.values()), {}
        self._stubs.clear()
        for channel in channels:
            await channel.close()

    def stub(self, service: str, address: str = "") -> Any:
        """Return the stub of a service at an address, this connection's own if none is given."""
        key = (service, address or self.address)
        if (found := self._stubs.get(key)) is not None:
            return found
        channel = self._channels.get(key[1])
        if channel is None:
            channel = self._channels[key[1]] = Channel(self._open(key[1]), self.credential)
        stub = self._stubs[key] = _STUBS[service](channel)
        return stub

    def _open(self, address: str) -> Any:
        try:
            return open_channel(address, _OPTIONS, self.tls)
        except tls.TlsError as error:
            raise CertificateUnusable(str(error)) from None

    async def info(self) -> service_pb2.InfoResponse:
        """The facts of the deployment, fetched once from a State Tracker."""
        found = self._info
        if found is None:
            found = self._info = await self.call("state_tracker", "Info", service_pb2.InfoRequest())
        return cast(service_pb2.InfoResponse, found)

    async def homes(self, service: str) -> list[str]:
        """Return where a service is: at this connection's address, unless the deployment has it elsewhere."""
        if service == "state_tracker":
            return [self.address]
        if places := self.places.get("registry" if service == "authority" else service):
            return places
        info = await self.info()
        elsewhere = {
            "artifact_store": [info.artifact_address],
            "registry": [info.registry_address],
            "authority": [info.registry_address],
            "history": [info.history_address],
            "notifications": [info.notifications_address],
            "action_service": list(info.action_services),
        }
        return [address for address in elsewhere[service] if address] or [self.address]

    def owner(self, run_id: bytes) -> str:
        """Return where calls about a run go first."""
        return self._owners.get(self._shard(run_id), self.address) if self._owners else self.address

    def note_owner(self, run_id: bytes, address: str) -> None:
        """Remember the owner of a run's shard, or without an address that it has none; `info` must be known."""
        if self._info is not None:
            self._owners.pop(self._shard(run_id), None)
            if address:
                self._owners[self._shard(run_id)] = address

    def forget_owner(self, address: str) -> None:
        """Forget all that a State Tracker owned."""
        self._owners = {shard: owner for shard, owner in self._owners.items() if owner != address}

    def _shard(self, run_id: bytes) -> int:
        return shard_of(run_id, self._info.shards) if self._info is not None else 0

    async def retry(self, service: str, patience_s: float | None = None) -> Retry:
        """Return what knows where a service is called, and again after failures."""
        return self.retry_at((await self.homes(service))[0], patience_s)

    async def authorize(self) -> None:
        """Exchange an API token for an access token where that is due; raise Refused, Unreachable."""
        if self.credential.is_due:
            await self.credential.renew(self._exchange)

    async def _exchange(self, api_token: str) -> tuple[str, float]:
        home, *_ = await self.homes("authority")
        retry = self.retry_at(home)
        request = access_pb2.ExchangeRequest(api_token=api_token)
        while True:
            try:
                answer = await self.stub("authority", retry.address).Exchange(request, timeout=CALL_TIMEOUT_S)
                return answer.access_token, float(answer.expires_in_s)
            except _grpc.aio.AioRpcError as error:
                await retry.wait_after(error)

    async def _can_repeat_after(self, error: Any, retry: Retry) -> bool:
        """Whether a call may be repeated with another token, since a service says that this one has expired."""
        if error.code() is not _grpc.StatusCode.UNAUTHENTICATED or not self.credential.is_exchanged or retry.is_renewed:
            return False
        retry.is_renewed = True
        self.credential.expire()
        await self.authorize()
        return True

    async def call(
        self,
        service: str,
        method: str,
        request: Message,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        retry: Retry | None = None,
    ) -> Any:
        """Call a method that may be repeated; raise what `Retry.wait_after` makes of its failure."""
        retry = retry or await self.retry(service)
        if method != "Info":  # which everybody may ask, and which says where tokens are exchanged
            await self.authorize()
        while True:
            try:
                return await getattr(self.stub(service, retry.address), method)(request, timeout=timeout_s)
            except _grpc.aio.AioRpcError as error:
                if not await self._can_repeat_after(error, retry):
                    await retry.wait_after(error, self.tls)

    async def send(self, service: str, method: str, requests: Iterable[Message]) -> Any:
        """Call a method that takes a stream and may be repeated; `requests` can be walked again."""
        retry = await self.retry(service)
        await self.authorize()
        while True:
            try:
                return await getattr(self.stub(service, retry.address), method)(
                    iter(requests), timeout=TRANSFER_TIMEOUT_S
                )
            except _grpc.aio.AioRpcError as error:
                if not await self._can_repeat_after(error, retry):
                    await retry.wait_after(error, self.tls)

    async def send_once(self, service: str, method: str, requests: AsyncIterator[Message]) -> Any:
        """Call a method that takes a stream and is not repeated; raise what `requests` raises."""
        asked = await self.retry(service, 0.0)
        await self.authorize()
        call = getattr(self.stub(service, asked.address), method)(timeout=TRANSFER_TIMEOUT_S)
        try:
            async for request in requests:
                await call.write(request)
            await call.done_writing()
            return await call
        except _grpc.aio.AioRpcError as error:
            await asked.wait_after(error, self.tls)
            raise
        finally:
            call.cancel()

    async def stream(
        self, service: str, method: str, request: Message | AsyncIterator[Message], retry: Retry | None = None
    ) -> AsyncGenerator[Any]:
        """Yield a stream's messages; with `retry`, a failure only waits and ends them, to be asked for again."""
        asked = retry or await self.retry(service, 0.0)
        await self.authorize()
        call = getattr(self.stub(service, asked.address), method)(request)
        try:
            async for message in call:
                asked.reset()
                yield message
            asked.is_finished = True
        except _grpc.aio.AioRpcError as error:
            # Without a retry of the caller's own, nobody would ask again.
            if retry is None or not await self._can_repeat_after(error, asked):
                await asked.wait_after(error, self.tls)
        finally:
            call.cancel()


async def pages(
    call: Callable[[str, Any], Awaitable[Any]], method: str, request: Any, field: str, limit: int, page_max: int
) -> list[Any]:
    """Return what the pages of an answer have in a field, up to a limit."""
    found: list[Any] = []
    while len(found) < limit:
        request.page_size = min(limit - len(found), page_max)
        answer = await call(method, request)
        found += getattr(answer, field)
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    return found


class Retry:
    """The retries of one call: whether to repeat it, and at which address.

    Args:
        next_after: Returns the address to try after one that does not respond.
    """

    def __init__(self, address: str, patience_s: float, next_after: Callable[[str], str] = str) -> None:
        self.address, self._next_after = address, next_after
        self.patience_s = patience_s
        self.is_finished = self.is_renewed = False
        self._since: float | None = None
        self._failures = self._overloaded = self._owners = 0

    def reset(self) -> None:
        self._since, self._failures, self.is_renewed = None, 0, False

    async def wait_after(self, error: Any, files: tls.Tls | None = None) -> None:
        """Wait for the next retry; raise Unreachable, Overloaded or Refused if no retry is left.

        Args:
            files: What the call was encrypted with; none: what this process uses.
        """
        code, details = str(error.code().name), str(error.details() or "")
        trailers = {str(key): value for key, value in error.trailing_metadata() or ()}
        if why := tls.refusal(details) if code == "UNAVAILABLE" else "":
            raise Unreachable(self.address, why)  # trying again would not help
        if code == "UNAVAILABLE" or details == LOST_STATUS:
            await self._again(tls.failure(details, files or tls.chosen()) or _short(details))
        elif code == "RESOURCE_EXHAUSTED" and RETRY_AFTER_TRAILER in trailers:
            await self._spare(details, trailers[RETRY_AFTER_TRAILER])
        elif code == "FAILED_PRECONDITION" and (owner := trailers.get(OWNER_TRAILER)) and self._owners < OWNERS_MAX:
            self._owners += 1
            self.address = str(owner)
        else:
            raise translate(code, details)

    async def _again(self, details: str) -> None:
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        away, self.address = self.address, self._next_after(self.address)
        if now - self._since >= self.patience_s:
            raise Unreachable(away, details)
        await asyncio.sleep(min(BACKOFF_MAX_S, BACKOFF_S * 2**self._failures) * random.uniform(0.5, 1.0))
        self._failures += 1

    async def _spare(self, details: str, wait_s: Any) -> None:
        self._overloaded += 1
        if self._overloaded > OVERLOADED_MAX:
            raise Overloaded(details, self._overloaded)
        try:
            asked_s = float(wait_s)
        except ValueError:
            asked_s = BACKOFF_S
        await asyncio.sleep(min(max(asked_s, BACKOFF_S), BACKOFF_MAX_S * 5) * random.uniform(1.0, 1.5))


def code_name(code: int) -> str:
    """Return the name of a gRPC status code given as a number."""
    return _CODES.get(code, "UNKNOWN")


def translate(code: str, details: str) -> ClientError:
    if code == "UNIMPLEMENTED":
        return Refused(code, f"the service does not implement this call, it has a different version: {details}")
    if code == "DEADLINE_EXCEEDED":
        return Refused(code, f"the service did not respond in time: {details}")
    if code == "RESOURCE_EXHAUSTED" and "larger than max" in details:
        return Refused(code, f"the message is too large: {details}")
    return Refused(code, details)


def _short(details: str) -> str:
    """Shorten gRPC's text about a connection; the text of a service stays as it is."""
    return REFUSED if details.startswith("failed to connect") and "Connection refused" in details else details[:200]
