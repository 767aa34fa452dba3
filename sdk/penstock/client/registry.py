"""The registry as the client calls it: deploy workflows, find them, point aliases at them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.registry.v1 import events_pb2, service_pb2
from penstock_proto.state_tracker.v1.events_pb2 import Caller, RunOptions

from . import submission, uploads
from .connection import Connection, pages
from .errors import AliasElsewhere, Incompatible, NotRegistered, Refused
from .registered import (
    AliasMove,
    Deployed,
    Form,
    Reference,
    TypeInfo,
    TypeUse,
    WorkflowInfo,
    WorkflowVersion,
    default_name,
    info_of,
    move_of,
    parse_reference,
    ref_of,
    type_of,
    type_use_of,
    version_of,
)

T = TypeVar("T")
PAGE_MAX = 500
VERSIONS_PAGE_MAX = 100
TYPE_USES_MAX = 200
# Whose latest version that has a class is looked at.
TYPE_WORKFLOWS_MAX = 20
_REFUSALS: dict[str, type[Refused]] = {
    "NOT_FOUND": NotRegistered,
    "FAILED_PRECONDITION": Incompatible,
    "ABORTED": AliasElsewhere,
}


class AsyncRegistry:
    """What `AsyncClient.registry` is."""

    def __init__(
        self, connection: Connection, caller: Caller, plan: Callable[[bytes], Awaitable[plan_pb2.Plan]]
    ) -> None:
        self._connection, self._caller, self._plan = connection, caller, plan

    async def deploy(
        self,
        workflow: Any,
        *,
        name: str = "",
        team: str = "",
        alias: str = "",
        expected_version: int | None = None,
        allow_incompatible: bool = False,
    ) -> Deployed:
        """Give a workflow, or the result of `penstock.compile`, a name; the same plan again is the same version.

        Args:
            name: The workflow's own if empty.
            team: The name belongs to this team from its first version on; the client's own if empty.
            alias: Move this alias to the version, in the same commit.
            expected_version: The version that the alias must point at now; 0: it must not exist. None: any.
            allow_incompatible: Deploy even if calls that the latest version accepts may be refused.

        Raises:
            CompileErrors, PlanRefused, Incompatible, AliasElsewhere, Refused, Unreachable.
        """
        planned = submission.prepare_plan(workflow)
        request = service_pb2.PublishRequest(
            name=name or default_name(planned.plan.name),
            plan=planned.plan_hash,
            team=team,
            caller=self._caller,
            alias=alias,
            expected_version=expected_version,
            allow_incompatible=allow_incompatible,
        )
        try:
            answer = await self._call("Publish", request)
        except NotRegistered:
            # The State Tracker lacks the plan, which is only sent if it does.
            await uploads.send_code(self._connection, planned.plan_artifacts, planned.plans, self._caller)
            answer = await self._call("Publish", request)
        moved = move_of(answer.alias_moved) if answer.HasField("alias_moved") else None
        return Deployed(version_of(answer.version), answer.created, moved)

    async def move_alias(
        self, name: str, alias: str, version: int | str, *, expected_version: int | None = None
    ) -> AliasMove | None:
        """Point an alias at a version, or at that of another alias; return None if it is there already.

        Args:
            version: A number, an alias, or "latest".
            expected_version: The version that the alias must point at now; 0: it must not exist. None: any.

        Raises:
            NotRegistered: No such name or version.
            AliasElsewhere: The alias points elsewhere.
        """
        wanted = parse_reference(f"{name}@{version}")
        number = wanted.version or version_of((await self._get(wanted)).version).version
        return await self._move(name, alias, number, expected_version)

    async def remove_alias(self, name: str, alias: str, *, expected_version: int | None = None) -> AliasMove | None:
        """Remove an alias; return None if it does not exist."""
        return await self._move(name, alias, 0, expected_version)

    async def workflows(self, query: str = "", *, team: str = "", limit: int = 50) -> list[WorkflowInfo]:
        """Return names in alphabetical order: those with words that begin with each word of the query."""
        request = service_pb2.ListRequest(kind=events_pb2.ENTRY_KIND_WORKFLOW, query=query, team=team)
        return [info_of(entry) for entry in await pages(self._call, "List", request, "entries", limit, PAGE_MAX)]

    async def types(self, query: str = "", *, limit: int = 50) -> list[str]:
        """Return qualified names of classes that inputs and outputs have, in alphabetical order."""
        request = service_pb2.ListRequest(kind=events_pb2.ENTRY_KIND_TYPE, query=query)
        return [entry.name for entry in await pages(self._call, "List", request, "entries", limit, PAGE_MAX)]

    async def type_versions(self, name: str, *, limit: int = 20) -> list[TypeInfo]:
        """Return the versions of a class by its qualified name, newest first; raise NotRegistered."""
        request = service_pb2.ListVersionsRequest(kind=events_pb2.ENTRY_KIND_TYPE, name=name)
        found = await pages(self._call, "ListVersions", request, "versions", limit, VERSIONS_PAGE_MAX)
        return [type_of(version) for version in found]

    async def type_uses(self, name: str, version: int) -> list[TypeUse]:
        """Return the latest versions of workflows whose inputs or outputs have a version of a class."""
        request = service_pb2.LinksRequest(thing=f"type:{name}@{version}", limit=TYPE_USES_MAX)
        links = (await self._call("Links", request)).used_by
        found: dict[str, TypeUse] = {}
        for link in links:
            kind, _, used_by = link.thing.partition(":")
            workflow = used_by.rpartition("@")[0]
            if kind == "workflow" and workflow not in found and len(found) < TYPE_WORKFLOWS_MAX:
                found[workflow] = type_use_of((await self._get(parse_reference(used_by))).version, name)
        return list(found.values())

    async def workflow(self, name: str) -> WorkflowInfo:
        """Return a name with its aliases; raise NotRegistered."""
        return info_of((await self._get(Reference(name))).entry)

    async def version(self, reference: str) -> WorkflowVersion:
        """Return the version that NAME, NAME@VERSION or NAME@ALIAS stands for now; raise NotRegistered."""
        return version_of((await self._get(parse_reference(reference))).version)

    async def versions(self, name: str, *, limit: int = 20) -> list[WorkflowVersion]:
        """Return the versions of a name, newest first; raise NotRegistered."""
        request = service_pb2.ListVersionsRequest(kind=events_pb2.ENTRY_KIND_WORKFLOW, name=name)
        found = await pages(self._call, "ListVersions", request, "versions", limit, VERSIONS_PAGE_MAX)
        return [version_of(version) for version in found]

    async def form(self, reference: str) -> Form:
        """Return the inputs of a version as one JSON Schema: types, defaults, order, documentation."""
        request = service_pb2.FormRequest(ref=ref_of(parse_reference(reference)))
        answer = await self._call("Form", request)
        return Form(answer.name, answer.version, answer.plan, answer.team, json.loads(answer.schema_json))

    async def prepare(self, form: Form, inputs: Mapping[str, Any], options: RunOptions) -> submission.Prepared:
        """Prepare a run by name for `submit_prepared`, and note in its options what it is launched by.

        Raises:
            BadInputs.
        """
        options.workflow, options.workflow_version = form.name, form.version
        options.team = options.team or self._caller.team or form.team
        return submission.prepare_stored(await self._plan(form.plan_hash), form.plan_hash, inputs)

    async def _move(self, name: str, alias: str, version: int, expected: int | None) -> AliasMove | None:
        request = service_pb2.MoveAliasRequest(
            kind=events_pb2.ENTRY_KIND_WORKFLOW,
            name=name,
            alias=alias,
            version=version,
            expected_version=expected,
            caller=self._caller,
        )
        answer = await self._call("MoveAlias", request)
        return move_of(answer.alias_moved) if answer.moved else None

    async def _get(self, reference: Reference) -> service_pb2.GetResponse:
        return await self._call("Get", service_pb2.GetRequest(ref=ref_of(reference)))

    async def _call(self, method: str, request: Any) -> Any:
        try:
            return await self._connection.call("registry", method, request)
        except Refused as error:
            kind = _REFUSALS.get(error.code)
            if kind is None:
                raise
            raise kind(error.code, error.details) from None


class Registry:
    """What `Client.registry` is: the same calls, each of which waits for its answer."""

    def __init__(self, registry: AsyncRegistry, call: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._registry, self._wait = registry, call

    def deploy(
        self,
        workflow: Any,
        *,
        name: str = "",
        team: str = "",
        alias: str = "",
        expected_version: int | None = None,
        allow_incompatible: bool = False,
    ) -> Deployed:
        """Give a workflow a name; see AsyncRegistry.deploy."""
        return self._call(
            self._registry.deploy(
                workflow,
                name=name,
                team=team,
                alias=alias,
                expected_version=expected_version,
                allow_incompatible=allow_incompatible,
            )
        )

    def move_alias(
        self, name: str, alias: str, version: int | str, *, expected_version: int | None = None
    ) -> AliasMove | None:
        """Point an alias at a version; see AsyncRegistry.move_alias."""
        return self._call(self._registry.move_alias(name, alias, version, expected_version=expected_version))

    def remove_alias(self, name: str, alias: str, *, expected_version: int | None = None) -> AliasMove | None:
        """Remove an alias; return None if it does not exist."""
        return self._call(self._registry.remove_alias(name, alias, expected_version=expected_version))

    def workflows(self, query: str = "", *, team: str = "", limit: int = 50) -> list[WorkflowInfo]:
        """Return names in alphabetical order: those with words that begin with each word of the query."""
        return self._call(self._registry.workflows(query, team=team, limit=limit))

    def workflow(self, name: str) -> WorkflowInfo:
        """Return a name with its aliases; raise NotRegistered."""
        return self._call(self._registry.workflow(name))

    def version(self, reference: str) -> WorkflowVersion:
        """Return the version that NAME, NAME@VERSION or NAME@ALIAS stands for now; raise NotRegistered."""
        return self._call(self._registry.version(reference))

    def versions(self, name: str, *, limit: int = 20) -> list[WorkflowVersion]:
        """Return the versions of a name, newest first; raise NotRegistered."""
        return self._call(self._registry.versions(name, limit=limit))

    def types(self, query: str = "", *, limit: int = 50) -> list[str]:
        """Return qualified names of classes that inputs and outputs have, in alphabetical order."""
        return self._call(self._registry.types(query, limit=limit))

    def type_versions(self, name: str, *, limit: int = 20) -> list[TypeInfo]:
        """Return the versions of a class by its qualified name, newest first; raise NotRegistered."""
        return self._call(self._registry.type_versions(name, limit=limit))

    def type_uses(self, name: str, version: int) -> list[TypeUse]:
        """Return the latest versions of workflows whose inputs or outputs have a version of a class."""
        return self._call(self._registry.type_uses(name, version))

    def form(self, reference: str) -> Form:
        """Return the inputs of a version as one JSON Schema: types, defaults, order, documentation."""
        return self._call(self._registry.form(reference))

    def prepare(self, form: Form, inputs: Mapping[str, Any], options: RunOptions) -> submission.Prepared:
        """Prepare a run by name for `submit_prepared`; see AsyncRegistry.prepare."""
        return self._call(self._registry.prepare(form, inputs, options))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return cast(T, self._wait(work))
