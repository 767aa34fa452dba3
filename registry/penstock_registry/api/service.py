"""The RPCs of the registry: check, look or decide, answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Final

from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.registry.v1 import service_pb2_grpc
from penstock_proto.registry.v1.events_pb2 import AliasMoved, EntryKind, Interface, RegistryEvent
from penstock_service.database import Database

from ..core import decisions, names
from ..errors import BadRequest, NotFound, TooManyFollowers
from ..plans import Plans
from ..store import names as stored
from ..store.log import Log, Turn

PAGE, PAGE_MAX = 50, 500
VERSIONS_PAGE, VERSIONS_PAGE_MAX = 20, 100
LINKS, LINKS_MAX = 100, 500
THING_CHARS_MAX: Final = 400
FOLLOWERS_MAX: Final = 1_000
WORKFLOW: Final = EntryKind.ENTRY_KIND_WORKFLOW


class RegistryService(service_pb2_grpc.RegistryServiceServicer):
    """Answers from the tables; changes go through the log."""

    def __init__(self, log: Log, database: Database, plans: Plans) -> None:
        self._log, self._database, self._plans = log, database, plans
        self.followers = 0

    async def Publish(self, request: api.PublishRequest, context: Any) -> api.PublishResponse:
        team = _check_publish(request)
        is_known = await stored.version_of(self._database, request.name, request.plan)
        read = None if is_known else await self._plans.read(request.plan)
        response = api.PublishResponse()
        async with self._log.turn() as turn:
            known = await stored.known(turn.connection, request.name, request.plan)
            decisions.check_team(request.name, team, known)
            events: list[RegistryEvent] = []
            version = known.same
            if not version:
                assert read is not None, "versions are never removed"
                types = await stored.known_types(turn.connection, read[1])
                published, registered = decisions.publish(request, team, *read, known, types)
                events.append(RegistryEvent(caller=request.caller, workflow_published=published))
                events += [RegistryEvent(caller=request.caller, type_registered=one) for one in registered]
                version, response.created = published.version, True
            if request.alias:
                expected = request.expected_version if request.HasField("expected_version") else None
                target = Target(request.name, request.alias, version, read[0] if read else None)
                if moved := await _move(turn, target, expected, known):
                    response.alias_moved.CopyFrom(moved)
                    events.append(RegistryEvent(caller=request.caller, alias_moved=moved))
            await turn.append(events)
            response.seq = turn.seq
        found = await stored.find(self._database, api.Ref(name=request.name, version=version), WORKFLOW)
        response.version.CopyFrom(found.version)
        return response

    async def MoveAlias(self, request: api.MoveAliasRequest, context: Any) -> api.MoveAliasResponse:
        _check_move(request)
        expected = request.expected_version if request.HasField("expected_version") else None
        response = api.MoveAliasResponse()
        async with self._log.turn() as turn:
            known = await stored.known(turn.connection, request.name)
            if known.team is None:
                raise NotFound(f"unknown workflow {request.name!r}: `penstock workflows` lists what is there")
            moved = await _move(turn, Target(request.name, request.alias, request.version), expected, known)
            if moved is not None:
                await turn.append([RegistryEvent(caller=request.caller, alias_moved=moved)])
                response.alias_moved.CopyFrom(moved)
                response.moved = True
            response.seq = turn.seq
        return response

    async def Get(self, request: api.GetRequest, context: Any) -> api.GetResponse:
        names.check_ref(request.ref)
        return await stored.find(self._database, request.ref, names.kind_of(request.ref.kind))

    async def List(self, request: api.ListRequest, context: Any) -> api.ListResponse:
        kind = names.kind_of(request.kind)
        names.check_text("team", request.team)
        names.check_text("page_token", request.page_token)
        count = _page(request.page_size, PAGE, PAGE_MAX)
        found = await stored.list_(self._database, request, kind, request.page_token, count)
        return api.ListResponse(entries=found, next_page_token=found[-1].name if len(found) == count else "")

    async def ListVersions(self, request: api.ListVersionsRequest, context: Any) -> api.ListVersionsResponse:
        kind = names.kind_of(request.kind)
        names.check_ref(api.Ref(kind=kind, name=request.name))
        count = _page(request.page_size, VERSIONS_PAGE, VERSIONS_PAGE_MAX)
        below = _position(request.page_token)
        entry = await stored.entry(self._database, request.name, kind)
        found = await stored.versions(self._database, request.name, kind, below, count)
        more = len(found) == count and found[-1].version > 1
        return api.ListVersionsResponse(
            entry=entry, versions=found, next_page_token=str(found[-1].version) if more else ""
        )

    async def Form(self, request: api.FormRequest, context: Any) -> api.FormResponse:
        names.check_ref(request.ref)
        if names.kind_of(request.ref.kind) != WORKFLOW:
            raise BadRequest("only workflows have a form")
        found = await stored.find(self._database, request.ref, WORKFLOW)
        return api.FormResponse(
            name=found.entry.name,
            version=found.version.version,
            plan=found.version.workflow.plan,
            team=found.entry.team,
            schema_json=await stored.form(self._database, found.version),
        )

    async def Links(self, request: api.LinksRequest, context: Any) -> api.LinksResponse:
        if not 0 < len(request.thing) <= THING_CHARS_MAX or "\0" in request.thing:
            raise BadRequest(f"invalid thing: expected KIND:NAME of at most {THING_CHARS_MAX} characters")
        return await stored.linked(self._database, request.thing, _page(request.limit, LINKS, LINKS_MAX))

    async def Read(self, request: api.ReadRequest, context: Any) -> AsyncIterator[api.ReadResponse]:
        if request.from_seq < 0 or request.to_seq < 0:
            raise BadRequest("invalid range: positions count from 1")
        if self.followers >= FOLLOWERS_MAX:
            raise TooManyFollowers(FOLLOWERS_MAX)
        self.followers += 1
        try:
            position = max(request.from_seq, 1)
            await self._log.head()
            while True:
                end = min(request.to_seq or self._log.seq, self._log.seq)
                async for batch in self._log.read(position, end):
                    yield api.ReadResponse(batch=batch)
                    position = batch.from_seq + len(batch.events)
                if not request.follow or 0 < request.to_seq < position:
                    return
                await self._log.wait_beyond(position - 1)
        finally:
            self.followers -= 1

    async def Heads(self, request: api.HeadsRequest, context: Any) -> api.HeadsResponse:
        return api.HeadsResponse(seq=await self._log.head())


@dataclass(frozen=True, slots=True)
class Target:
    """Where an alias is to go. `interface`: of the version, if it is new."""

    name: str
    alias: str
    version: int
    interface: Interface | None = None


async def _move(turn: Turn, target: Target, expected: int | None, known: decisions.Known) -> AliasMoved | None:
    found = dict(
        await stored.interfaces(turn.connection, target.name, [known.aliases.get(target.alias, 0), target.version])
    )
    if target.interface is not None:
        found[target.version] = target.interface
        known = replace(known, latest=target.version)
    return decisions.move(target.name, target.alias, target.version, expected, known, found)


def _check_publish(request: api.PublishRequest) -> str:
    """Return the team that the name is for."""
    names.check_workflow_name(request.name)
    names.check_plan(request.plan)
    names.check_caller(request.caller)
    names.check_text("team", request.team)
    if request.alias:
        names.check_alias(request.alias)
    elif request.HasField("expected_version"):
        raise BadRequest("expected_version is about an alias, and the request names none")
    return request.team or request.caller.team


def _check_move(request: api.MoveAliasRequest) -> None:
    if names.kind_of(request.kind) != WORKFLOW:
        raise BadRequest("only workflows have aliases")
    names.check_workflow_name(request.name)
    names.check_alias(request.alias)
    names.check_caller(request.caller)
    if request.version:
        names.check_version(request.version)


def _page(asked: int, default: int, most: int) -> int:
    if not 0 <= asked <= most:
        raise BadRequest(f"invalid page size {asked}: the limit is {most}")
    return asked or default


def _position(token: str) -> int:
    if not token:
        return names.VERSION_MAX
    if not token.isascii() or not token.isdecimal() or not 1 <= int(token) <= names.VERSION_MAX:
        raise BadRequest("invalid page token: use the one of the answer before")
    return int(token)
