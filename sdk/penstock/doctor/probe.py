"""Asks every service of a deployment how it is. Nothing that is asked changes anything, but for one tiny artifact."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
import uuid
from importlib.metadata import version
from typing import Any, Final, cast

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from penstock_proto.action_service.v1 import service_pb2 as actions
from penstock_proto.action_service.v1 import service_pb2_grpc as actions_grpc
from penstock_proto.dependency_manager.v1 import service_pb2 as manager
from penstock_proto.dependency_manager.v1 import service_pb2_grpc as manager_grpc
from penstock_proto.state_tracker.v1 import diagnosis_pb2, service_pb2_grpc
from penstock_proto.state_tracker.v1 import service_pb2 as tracker

from ..client import AsyncClient
from ..client.connection import Connection
from ..client.errors import ClientError
from ..client.uploads import send_artifacts
from .facts import Disk, Facts, Heads, Kind, Process

ANSWER_MAX_S: Final = 10.0
APART_S: Final = 1.0
# Runs of which it is asked why they wait.
WHY_MAX: Final = 10
HEALTH: Final = "/grpc.health.v1.Health/Check"
# The serialised HealthCheckResponse that says SERVING.
SERVING: Final = b"\x08\x01"

_grpc = cast(Any, grpc)


async def ask(address: str, apart_s: float = APART_S) -> Facts:
    """Return the facts of the deployment at an address; a service that does not respond is a fact, too."""
    first = Process(Kind.STATE_TRACKER, address)
    facts = Facts(version("penstock"), [first], apart_s=apart_s)
    connection = Connection(address, patience_s=0.0)
    try:
        facts.info = await connection.info()
        await _find(facts, facts.info, first)
        await asyncio.gather(*(_look(process) for process in facts.processes))
        await asyncio.sleep(apart_s)
        await asyncio.gather(*(_look_again(process) for process in facts.processes))
        await _ask_why(facts, address)
        facts.store_trouble = await _store(connection)
        facts.disks = _disks(facts.info)
    except ClientError as error:  # the first process that is asked, and nobody else is known
        first.trouble = str(error)
    finally:
        await connection.close()
    return facts


async def _find(facts: Facts, info: tracker.InfoResponse, first: Process) -> None:
    """Note every process that one of the others names."""
    action_services = list(info.action_services) or [first.address]
    processes = facts.processes
    processes += [Process(Kind.ACTION_SERVICE, one) for one in action_services]
    processes.append(Process(Kind.ARTIFACT_STORE, info.artifact_address or first.address))
    managers: set[str] = set()
    for address in action_services:
        async with _channel(address) as channel:
            stub: Any = cast(Any, actions_grpc).ActionServiceStub(channel)
            try:
                pools = await stub.ListPools(actions.ListPoolsRequest(), timeout=ANSWER_MAX_S)
                workers = await stub.ListWorkers(actions.ListWorkersRequest(), timeout=ANSWER_MAX_S)
            except _grpc.aio.AioRpcError:
                continue  # its own look says why
            facts.pools.extend(pools.pools)
            facts.workers.extend(workers.workers)
            managers.update(pools.dependency_managers)
    processes += [Process(Kind.DEPENDENCY_MANAGER, one) for one in sorted(managers)]
    await _diagnose(first)
    if first.diagnosis is not None:
        owners = {shard.address for one in first.diagnosis.databases for shard in one.shards}
        processes += [Process(Kind.STATE_TRACKER, one) for one in sorted(owners - {"", first.address})]


async def _look(process: Process) -> None:
    async with _channel(process.address) as channel:
        check = channel.unary_unary(HEALTH)
        try:
            process.serving = await check(b"", timeout=ANSWER_MAX_S) == SERVING
            process.heads = await _heads(process.kind, channel)
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)
    if process.kind is Kind.STATE_TRACKER and process.diagnosis is None and not process.trouble:
        await _diagnose(process)


async def _look_again(process: Process) -> None:
    if process.trouble:
        return
    async with _channel(process.address) as channel:
        try:
            process.later_heads = await _heads(process.kind, channel)
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)


async def _heads(kind: Kind, channel: Any) -> Heads:
    match kind:
        case Kind.STATE_TRACKER:
            stub: Any = cast(Any, service_pb2_grpc).StateTrackerServiceStub(channel)
            answer = await stub.Heads(tracker.HeadsRequest(), timeout=ANSWER_MAX_S)
        case Kind.DEPENDENCY_MANAGER:
            stub = cast(Any, manager_grpc).DependencyManagerServiceStub(channel)
            answer = await stub.Heads(manager.HeadsRequest(), timeout=ANSWER_MAX_S)
        case _:
            return {}
    return {head.shard: head.seq for head in answer.heads}


async def _diagnose(process: Process) -> None:
    async with _channel(process.address) as channel:
        stub: Any = cast(Any, service_pb2_grpc).StateTrackerServiceStub(channel)
        asked_s = time.time()
        try:
            answer = await stub.Diagnose(diagnosis_pb2.DiagnoseRequest(), timeout=ANSWER_MAX_S)
        except _grpc.aio.AioRpcError as error:
            process.trouble = _said(error)
            return
    process.diagnosis = answer
    # It read its clock between the question and the answer.
    its_s, answered_s = answer.now_us / 1e6, time.time()
    process.ahead_s = max(0.0, its_s - answered_s) or min(0.0, its_s - asked_s)


async def _ask_why(facts: Facts, address: str) -> None:
    idle = [run for one in facts.of(Kind.STATE_TRACKER) if one.diagnosis for run in one.diagnosis.idle_runs]
    silent = [one.address for one in facts.of(Kind.ACTION_SERVICE) if one.trouble]
    async with AsyncClient(address, program="penstock-doctor") as client:
        for run in sorted(idle, key=lambda run: -run.idle_s)[:WHY_MAX]:
            run_id = uuid.UUID(bytes=run.run_id)
            if silent:  # a client would wait for it, for each run anew
                facts.why[run_id] = [("?", f"unknown: {silent[0]} does not respond")]
                continue
            try:
                facts.why[run_id] = await client.why(run_id)
            except ClientError as error:
                facts.why[run_id] = [("?", f"unknown: {error}")]


async def _store(connection: Connection) -> str:
    """Store something new: what is there already would not be written."""
    data = uuid.uuid4().bytes
    try:
        await send_artifacts(connection, {hashlib.sha256(data).digest(): data})
    except ClientError as error:
        return str(error)
    return ""


def _disks(info: tracker.InfoResponse) -> list[Disk]:
    """The disks that this machine sees."""
    folders = [folder for folder in (info.artifact_folder,) if folder and os.access(folder, os.X_OK)]
    return [_disk(folder) for folder in folders]


def _disk(folder: str) -> Disk:
    usage = shutil.disk_usage(folder)
    return Disk(folder, usage.total, usage.free)


def _channel(address: str) -> Any:
    return _grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])


def _said(error: Any) -> str:
    details = str(error.details() or "")
    return "connection refused" if "Connection refused" in details else f"{error.code().name}: {details[:200]}"
