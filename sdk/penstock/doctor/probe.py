"""Asks every service of a deployment how it is. Nothing that is asked changes anything, but for one tiny artifact."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from penstock_access.credentials import Channel, Credential
from penstock_proto import tls
from penstock_proto.action_service.v1 import service_pb2 as actions
from penstock_proto.action_service.v1 import service_pb2_grpc as actions_grpc
from penstock_proto.channels import open_channel
from penstock_proto.dependency_manager.v1 import service_pb2 as manager
from penstock_proto.dependency_manager.v1 import service_pb2_grpc as manager_grpc
from penstock_proto.notifications.v1 import service_pb2 as notifications
from penstock_proto.state_tracker.v1 import diagnosis_pb2, service_pb2_grpc
from penstock_proto.state_tracker.v1 import service_pb2 as tracker

from ..client import AsyncClient
from ..client.connection import Connection
from ..client.discovery import found_at
from ..client.errors import ClientError
from ..client.tokens import found_credential
from ..client.uploads import send_artifacts
from .access_probe import ask_access, ask_gateway, certificates_left_s
from .facts import Disk, Facts, Heads, Kind, Process

ALL_MAX_S: Final = 14.0
ANSWER_MAX_S: Final = 4.0
ANSWER_MIN_S: Final = 0.5
# A State Tracker waits for its database for up to 5 s.
DIAGNOSIS_MAX_S: Final = 6.0
APART_S: Final = 1.0
# Runs of which it is asked why they wait.
WHY_MAX: Final = 10
HEALTH: Final = "/grpc.health.v1.Health/Check"
# The serialised HealthCheckResponse that says SERVING.
SERVING: Final = b"\x08\x01"

_grpc = cast(Any, grpc)
# Scratch files that are measured.
SCRATCH_FILES_MAX: Final = 100_000
# Of the calls to all services, where access control is on.
_TOKEN: Final[ContextVar[Credential]] = ContextVar("penstock_doctor_token")


def _nobody(_: str) -> None:
    pass


class Budget:
    """The time that all questions share."""

    def __init__(self, all_s: float) -> None:
        self._until = time.monotonic() + all_s

    def part_s(self, most_s: float = ANSWER_MAX_S) -> float:
        """Return the seconds that one question may take."""
        return max(ANSWER_MIN_S, min(most_s, self._until - time.monotonic()))


async def ask(
    address: str,
    apart_s: float = APART_S,
    say: Callable[[str], None] = _nobody,
    credential: Credential | None = None,
    gateway: str = "",
) -> Facts:
    """Return the facts of the deployment at an address; a service that does not respond is a fact, too.

    It takes at most ALL_MAX_S, whatever is away.

    Args:
        say: Gets what is being done, in words.
        credential: Of all calls; by default that of this user.
        gateway: URL of the REST API; by default that of the stack on this machine, if it has the address.
    """
    credential = found_credential(address) if credential is None else credential
    budget = Budget(ALL_MAX_S)
    connection = Connection(address, patience_s=0.0, credential=credential)
    address = connection.address
    tls.choose(connection.tls)  # an address may say how all of its deployment is called
    first = Process(Kind.STATE_TRACKER, address)
    gateway = gateway or _gateway_at(address)
    facts = Facts(version("penstock"), [first], apart_s=apart_s)
    try:
        if gateway:
            facts.gateway = await ask_gateway(gateway, connection.tls.ca)
        say(f"asking the State Tracker at {address}")
        async with asyncio.timeout(budget.part_s()):
            facts.info = await connection.info()
            await connection.authorize()
        _TOKEN.set(credential)
        await _find(facts, facts.info, first, budget)
        say(f"asking {len(facts.processes)} services")
        await asyncio.gather(*(_look(process, budget) for process in facts.processes))
        await asyncio.sleep(apart_s)
        await asyncio.gather(*(_look_again(process, budget) for process in facts.processes))
        say("asking what the runs that wait longest wait for, and storing one small artifact")
        left_s = budget.part_s(ALL_MAX_S)
        _, facts.store_trouble = await asyncio.gather(
            _ask_why(facts, address, left_s, credential), _store(connection, left_s)
        )
        facts.undelivered = await _undelivered(connection, budget.part_s())
        facts.access = await ask_access(connection, budget.part_s())
        facts.has_client_certificate = bool(connection.tls.certificate)
        addresses = sorted({one.address for one in facts.processes})
        facts.certificates_left_s = await certificates_left_s(addresses, connection.tls)
        facts.disks = _disks(facts.info)
    except TimeoutError:
        first.trouble = f"no response in {ANSWER_MAX_S:g} s"
    except ClientError as error:  # the first process that is asked, and nobody else is known
        first.trouble = str(error)
    finally:
        await connection.close()
    return facts


def _gateway_at(address: str) -> str:
    stack = found_at(address)
    return stack.url if stack is not None else ""


async def _find(facts: Facts, info: tracker.InfoResponse, first: Process, budget: Budget) -> None:
    """Note every process that one of the others names."""
    action_services = list(info.action_services) or [first.address]
    processes = facts.processes
    processes += [Process(Kind.ACTION_SERVICE, one) for one in action_services]
    processes.append(Process(Kind.ARTIFACT_STORE, info.artifact_address or first.address))
    processes.append(Process(Kind.REGISTRY, info.registry_address or first.address))
    processes.append(Process(Kind.HISTORY, info.history_address or first.address))
    processes.append(Process(Kind.NOTIFICATIONS, info.notifications_address or first.address))
    _, *named = await asyncio.gather(
        _diagnose(first, budget), *(_pools(facts, address, budget) for address in action_services)
    )
    managers = {manager for of_one in named for manager in of_one or ()}
    processes += [Process(Kind.DEPENDENCY_MANAGER, one) for one in sorted(managers)]
    if first.diagnosis is not None:
        owners = {shard.address for one in first.diagnosis.databases for shard in one.shards}
        processes += [Process(Kind.STATE_TRACKER, one) for one in sorted(owners - {"", first.address})]


async def _pools(facts: Facts, address: str, budget: Budget) -> list[str]:
    """Note an Action Service's pools and workers; return the Dependency Managers that it names."""
    async with _channel(address) as channel:
        stub: Any = cast(Any, actions_grpc).ActionServiceStub(channel)
        try:
            pools: actions.ListPoolsResponse = await stub.ListPools(actions.ListPoolsRequest(), timeout=budget.part_s())
            workers: actions.ListWorkersResponse = await stub.ListWorkers(
                actions.ListWorkersRequest(), timeout=budget.part_s()
            )
        except _grpc.aio.AioRpcError:
            return []  # its own look says why
    facts.pools.extend(pools.pools)
    facts.workers.extend(workers.workers)
    return list(pools.dependency_managers)


async def _look(process: Process, budget: Budget) -> None:
    async with _channel(process.address) as channel:
        check = channel.unary_unary(HEALTH)
        try:
            process.serving = await check(b"", timeout=budget.part_s()) == SERVING
            process.heads = await _heads(process.kind, channel, budget)
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)
    if process.kind is Kind.STATE_TRACKER and process.diagnosis is None and not process.trouble:
        await _diagnose(process, budget)


async def _look_again(process: Process, budget: Budget) -> None:
    if process.trouble:
        return
    async with _channel(process.address) as channel:
        try:
            process.later_heads = await _heads(process.kind, channel, budget)
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)


async def _heads(kind: Kind, channel: Any, budget: Budget) -> Heads:
    match kind:
        case Kind.STATE_TRACKER:
            stub: Any = cast(Any, service_pb2_grpc).StateTrackerServiceStub(channel)
            answer = await stub.Heads(tracker.HeadsRequest(), timeout=budget.part_s())
        case Kind.DEPENDENCY_MANAGER:
            stub = cast(Any, manager_grpc).DependencyManagerServiceStub(channel)
            answer = await stub.Heads(manager.HeadsRequest(), timeout=budget.part_s())
        case _:
            return {}
    return {head.shard: head.seq for head in answer.heads}


async def _diagnose(process: Process, budget: Budget) -> None:
    async with _channel(process.address) as channel:
        stub: Any = cast(Any, service_pb2_grpc).StateTrackerServiceStub(channel)
        asked_s = time.time()
        try:
            answer = await stub.Diagnose(diagnosis_pb2.DiagnoseRequest(), timeout=budget.part_s(DIAGNOSIS_MAX_S))
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)
            return
    process.diagnosis = answer
    # It read its clock between the question and the answer.
    its_s, answered_s = answer.now_us / 1e6, time.time()
    process.ahead_s = max(0.0, its_s - answered_s) or min(0.0, its_s - asked_s)


async def _ask_why(facts: Facts, address: str, within_s: float, credential: Credential) -> None:
    trackers = [one.diagnosis for one in facts.of(Kind.STATE_TRACKER) if one.diagnosis]
    idle = sorted((run for one in trackers for run in one.idle_runs), key=lambda run: -run.idle_s)[:WHY_MAX]
    away = [one.address for one in facts.of(Kind.ACTION_SERVICE) if one.trouble]
    away += [f"the database {one.name}" for tracker in trackers for one in tracker.databases if one.error]
    text = f"{away[0]} does not respond" if away else "no response in time"
    facts.why.update({uuid.UUID(bytes=run.run_id): [("?", f"unknown: {text}")] for run in idle})
    if away:
        return
    async with AsyncClient(address, program="penstock-doctor", patience_s=0.0, token=credential.given) as client:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(_ask_why_one(facts, client, run_id) for run_id in list(facts.why)))


async def _ask_why_one(facts: Facts, client: AsyncClient, run_id: uuid.UUID) -> None:
    try:
        facts.why[run_id] = await client.why(run_id)
    except ClientError as error:
        facts.why[run_id] = [("?", f"unknown: {error}")]


async def _undelivered(connection: Connection, within_s: float) -> tuple[int, int] | None:
    try:
        async with asyncio.timeout(within_s):
            found = await connection.call("notifications", "Status", notifications.StatusRequest())
    except (TimeoutError, ClientError):
        return None
    return found.waiting, found.dead


async def _store(connection: Connection, within_s: float) -> str:
    """Store something new: what is there already would not be written."""
    data = uuid.uuid4().bytes
    try:
        async with asyncio.timeout(within_s):
            await send_artifacts(connection, {hashlib.sha256(data).digest(): data})
    except TimeoutError:
        return f"no response in {within_s:.0f} s"
    except ClientError as error:
        return str(error)
    return ""


def _disks(info: tracker.InfoResponse) -> list[Disk]:
    """The disks that this machine sees."""
    folders = [folder for folder in (info.artifact_folder,) if folder and os.access(folder, os.X_OK)]
    return [_disk(folder) for folder in folders]


def _disk(folder: str) -> Disk:
    usage = shutil.disk_usage(folder)
    return Disk(folder, usage.total, usage.free, _scratch_bytes(Path(folder).parent / "scratch" / "runs"))


def _scratch_bytes(folder: Path) -> int:
    """Of as many files as can be counted soon."""
    found = itertools.islice(
        (Path(place, name) for place, _, names in os.walk(folder) for name in names), SCRATCH_FILES_MAX
    )
    total = 0
    for path in found:
        with suppress(OSError):  # gone meanwhile
            total += path.lstat().st_blocks * 512
    return total


def _channel(address: str) -> Any:
    return Channel(open_channel(address, [("grpc.enable_http_proxy", 0)]), _TOKEN.get())


def _said(error: Any) -> str:
    details = str(error.details() or "")
    if why := tls.failure(details, tls.chosen()):
        return why
    return "connection refused" if "Connection refused" in details else f"{error.code().name}: {details[:200]}"
