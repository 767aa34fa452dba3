"""A registry that runs on a real Postgres beside a State Tracker, and what tests need to drive it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc.aio
from penstock_plan import plan_hash
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.registry.v1 import events_pb2 as ev
from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.registry.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1.events_pb2 import Caller
from penstock_registry.app import Registry
from penstock_registry.publication import Broker
from penstock_service import channels, grpc_server

from tests.state_tracker.running import Running as Tracker
from tests.state_tracker.running import plan_of, running, value

CALLER = Caller(user="ada", team="vision", client="tests/1")
TYPES = ("int", "str", "float")


def plan(number: int = 0, *, name: str = "digits:train", doc: str = "", **inputs: Any) -> bytes:
    """A valid plan whose inputs are those named: a type of TYPES, or a default (JSON) with its type before a colon."""
    made = plan_of([()], name=name)
    del made.types[:]
    for kind in TYPES:
        made.types.add(name=kind)
    made.doc = doc
    made.nodes[0].line = number
    made.files.append("digits.py")
    for each, kind in inputs.items():
        kind, colon, default = kind.partition(":")
        own = made.inputs.add(name=each, type=TYPES.index(kind), required=not colon)
        own.schema_json = {"int": '{"type": "integer"}', "str": '{"type": "string"}', "float": '{"type": "number"}'}[
            kind
        ]
        if colon:
            own.default.CopyFrom(value(default))
    return made.SerializeToString()


def with_record(number: int = 0, **fields: str) -> bytes:
    """A valid plan with one input `options`, a record of the fields; a type that ends with "?" is optional."""
    made = pl.Plan.FromString(plan(number))
    record = pl.Type(name="record", qualname="digits:Options")
    for name, kind in fields.items():
        record.fields.add(name=name, type=TYPES.index(kind.rstrip("?")), required=not kind.endswith("?"))
    made.types.append(record)
    made.inputs.add(name="options", type=len(TYPES), required=True, schema_json='{"type": "object"}')
    return made.SerializeToString()


class Client:
    """The registry's API in the words of a test."""

    def __init__(self, channel: Any, tracker: Tracker | None = None) -> None:
        self.stub: Any = cast(Any, service_pb2_grpc).RegistryServiceStub(channel)
        self._tracker = tracker

    async def publish(self, data: bytes, name: str = "train", **options: Any) -> api.PublishResponse:
        """Store a plan and give it a name."""
        if self._tracker is not None:
            await self._tracker.put(data)
        options.setdefault("caller", CALLER)
        return await self.stub.Publish(api.PublishRequest(name=name, plan=plan_hash(data), **options))

    async def move(self, alias: str, version: int, name: str = "train", **options: Any) -> api.MoveAliasResponse:
        options.setdefault("caller", CALLER)
        return await self.stub.MoveAlias(api.MoveAliasRequest(name=name, alias=alias, version=version, **options))

    async def get(self, name: str = "train", **which: Any) -> api.GetResponse:
        return await self.stub.Get(api.GetRequest(ref=api.Ref(name=name, **which)))

    async def names(self, query: str = "", **options: Any) -> list[str]:
        return [entry.name for entry in (await self.stub.List(api.ListRequest(query=query, **options))).entries]

    async def log(self, from_seq: int = 0, to_seq: int = 0) -> list[ev.RegistryBatch]:
        return [one.batch async for one in self.stub.Read(api.ReadRequest(from_seq=from_seq, to_seq=to_seq))]

    async def kinds(self) -> list[str]:
        """The kinds of all events, in order; fails where a position is missing or occurs again."""
        batches = await self.log()
        seqs = [batch.from_seq + index for batch in batches for index in range(len(batch.events))]
        assert seqs == list(range(1, len(seqs) + 1))
        return [event.WhichOneof("kind") or "" for batch in batches for event in batch.events]


class Running(Client):
    def __init__(self, registry: Registry, server: grpc_server.Server, channel: Any, tracker: Tracker | None) -> None:
        super().__init__(channel, tracker)
        self.registry, self.server = registry, server


@asynccontextmanager
async def serving(
    url: str, tracker: str, of: Tracker | None = None, broker: Broker | None = None
) -> AsyncGenerator[Running]:
    """Run a registry until the block ends."""
    registry = Registry(url, [tracker], broker=broker)
    await registry.start()
    server = grpc_server.server()
    registry.register(server)
    await server.start()
    await server.set_serving()
    channel = channels.open_channel(server.address)
    try:
        yield Running(registry, server, channel, of)
    finally:
        await channel.close()
        await server.stop(0)
        await registry.stop()


@asynccontextmanager
async def registering(url: str) -> AsyncGenerator[Running]:
    """Run a State Tracker and a registry over one database until the block ends."""
    async with running(url) as tracker, serving(url, tracker.server.address, tracker) as found:
        yield found


async def refusal(work: Any) -> tuple[str, str]:
    """Return the status and the text with which a call is refused."""
    try:
        answer = await work
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    raise AssertionError(f"it was not refused: {answer}")


async def outcomes(*calls: Any) -> list[Any]:
    """Return what calls at the same time end with, errors included."""
    return await asyncio.gather(*calls, return_exceptions=True)
