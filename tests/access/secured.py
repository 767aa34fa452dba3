"""A State Tracker and a registry with access control, on a real Postgres, and callers with tokens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc.aio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from penstock_access.credentials import Channel
from penstock_access.keys import ServiceTokens
from penstock_access.principal import DEPLOYMENT, Role
from penstock_access.rules import Of
from penstock_proto.access.v1 import service_pb2 as api
from penstock_proto.access.v1 import service_pb2_grpc as access_grpc
from penstock_proto.action_service.v1 import service_pb2_grpc as actions_grpc
from penstock_proto.history.v1 import service_pb2_grpc as history_grpc
from penstock_proto.registry.v1 import service_pb2_grpc as registry_grpc
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.state_tracker.v1 import service_pb2_grpc as tracker_grpc
from penstock_registry.app import Registry
from penstock_registry.authority.issuing import Identity
from penstock_registry.authority.service import People
from penstock_service import channels, grpc_server
from penstock_service.denials import Denials
from penstock_service.guard import Guard, by_run
from penstock_service.verifier import Verifier, fetch_from
from penstock_stack.ports import HOST, choose_port
from penstock_state_tracker.app import StateTracker
from penstock_stream.local import LocalStream

from tests.state_tracker.running import plan_of
from tests.waiting import LOOK_EVERY_S, WAIT_S

ROLES = [Role.VIEWER, Role.LAUNCHER, Role.OPERATOR, Role.ADMIN]
ISSUER = "https://id.example.org"


class Caller:
    """The services as somebody with a token calls them."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.tracker: Any = tracker_grpc.StateTrackerServiceStub(channel)
        self.registry: Any = registry_grpc.RegistryServiceStub(channel)
        self.authority: Any = access_grpc.AuthorityServiceStub(channel)
        self.history: Any = history_grpc.HistoryServiceStub(channel)
        self.actions: Any = actions_grpc.ActionServiceStub(channel)

    async def put_plan(self, data: bytes) -> bytes:
        return (await self.tracker.PutPlan(iter([st.PutPlanRequest(chunk=data)]))).plan

    async def submit(self, run_id: bytes, team: str = "", **options: Any) -> st.RunSummary:
        plan = await self.put_plan(plan_of([()]).SerializeToString())
        request = st.SubmitRequest(run_id=run_id, plan=plan, **options)
        request.options.team = team
        request.caller.user = "somebody else"
        return (await self.tracker.Submit(request)).run


class Secured:
    """Where everything listens, and who may call it."""

    def __init__(self, address: str, registry: Registry, verifier: Verifier, denials: Denials, stops: Any) -> None:
        self.address, self.registry, self.verifier, self.denials = address, registry, verifier, denials
        self._stops = stops

    def with_token(self, token: str) -> Caller:
        channel = grpc.aio.insecure_channel(self.address)
        self._stops.push_async_callback(channel.close)
        return Caller(Channel(channel, lambda: token))

    async def member(self, name: str, roles: Mapping[str, Role]) -> Caller:
        """Somebody who has signed in, with these roles."""
        return self.with_token(await self.token_of(name, roles))

    async def token_of(self, name: str, roles: Mapping[str, Role]) -> str:
        identity = Identity(issuer=ISSUER, subject=name, name=name)
        for team, role in roles.items():
            await self.setup.authority.SetMember(api.SetMemberRequest(team=team, subject=identity.key, role=int(role)))
        return (await self.registry.issuer.exchange(identity))[0]

    async def admin(self) -> Caller:
        return await self.member("root", {DEPLOYMENT: Role.ADMIN})

    setup: Caller


@asynccontextmanager
async def secured(url: str, people: People | None = None) -> AsyncGenerator[Secured]:
    """Run a State Tracker and a registry until the block ends; `people` sign in, if given."""
    async with AsyncExitStack() as stops:
        key = Ed25519PrivateKey.generate()
        token = ServiceTokens(key, "tests")
        channels.use_credential(token)
        stops.callback(channels.use_credential, None)
        port = choose_port(0)
        address = f"{HOST}:{port}"
        stream = LocalStream()
        await stream.start()
        stops.push_async_callback(stream.stop)
        tracker = StateTracker([url], stream, "tests", address, 4)
        stops.push_async_callback(tracker.stop)
        await tracker.start()
        registry = Registry(url, [address], is_authority=True, people=people)
        stops.push_async_callback(registry.stop)
        await registry.start()
        verifier = Verifier(key.public_key(), fetch_from(address))
        denials = Denials(address, "tests")
        guard = Guard(verifier, denials, {Of.RUN: by_run(tracker.team_of), Of.WORKFLOW: registry.team_of})
        server = grpc_server.server(grpc_server.ServerOptions(port=port), [guard])
        tracker.register(server)
        registry.register(server)
        await server.start()
        stops.push_async_callback(server.stop, 0)
        await server.set_serving()
        denials.start()
        stops.push_async_callback(denials.stop)
        found = Secured(address, registry, verifier, denials, stops)
        found.setup = found.with_token(token())
        yield found


async def until(look: Callable[[], Any]) -> Any:
    """Look again and again, and await what is given, until it is true; return it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = look()
            found = await found if inspect.isawaitable(found) else found
            if found:
                return found
            await asyncio.sleep(LOOK_EVERY_S)
