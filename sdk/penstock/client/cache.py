"""Results that later runs reuse: what decided about a node's, and how results are forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2

from .connection import Connection
from .errors import ClientError, Refused
from .runs import AnyRun, RunInfo, id_of
from .submission import node_index

T = TypeVar("T")
Get = Callable[[AnyRun], Awaitable[RunInfo]]
PlanOf = Callable[[AnyRun], Awaitable[plan_pb2.Plan]]


class NotCached(ClientError):
    """A node's result was never looked for: its operator has no cache, or it has not run."""


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A part of what a call is: `kind` is "code", "package", "argument", "output", "secret" or "key"."""

    kind: str
    name: str
    # A version, or a hash in hex.
    value: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What decided whether a node's result was reused.

    Attributes:
        reason: Why it was not; empty if it was.
        differences: What is not as it was for the operator's latest result: "code changed: clean in util".
        origin: The execution whose result was taken, or that latest one; None: there is none.
    """

    run: uuid.UUID
    node: str
    operator: str
    attempt: int
    is_hit: bool
    reason: str
    differences: tuple[str, ...]
    origin: events_pb2.Reuse | None
    parts: Sequence[KeyPart]


class AsyncCache:
    """What `AsyncClient.cache` is."""

    def __init__(self, connection: Connection, caller: events_pb2.Caller, get: Get, plan_of: PlanOf) -> None:
        """`get` returns a run's state, `plan_of` its plan with the nodes that maps have added."""
        self._connection, self._caller, self._get, self._plan_of = connection, caller, get, plan_of

    async def explain(self, run: AnyRun, node: str) -> Explanation:
        """Return why a node's result was reused, or was not. Raises NotCached, NoSuchRun."""
        return await self.explain_node(run, await self._index(run, node), node)

    async def explain_node(self, run: AnyRun, index: int, node: str) -> Explanation:
        """Return the same for callers that know the index of the node."""
        request = artifact_pb2.ExplainResultRequest(run_id=id_of(run).bytes, node=index)
        try:
            answer: Any = await self._connection.call("artifact_store", "ExplainResult", request)
        except Refused as error:
            if error.code != "NOT_FOUND":
                raise
            raise NotCached(
                f"node {node!r} was not looked for in the cache: it has not run, or its operator has no cache=True"
            ) from None
        return _explanation(id_of(run), answer.decision)

    async def invalidate(
        self, operator: str = "", *, run: AnyRun | None = None, node: str | int | None = None, team: str | None = None
    ) -> int:
        """Forget results, so that they are computed again; return how many. Runs keep the outputs that they have.

        Args:
            operator: Only those of this one, "module:name"; by default of all.
            run: Only those that nodes of this run have computed.
            node: With `run`: only that of this node, by name or index.
            team: Whose results; by default those of the client's team, or of the run's.
        """
        if run is not None and operator:
            raise ClientError("name an operator, or a run, not both")
        if node is not None and run is None:
            raise ClientError(f"of which run is node {node!r}? name it, too")
        request = artifact_pb2.ForgetResultsRequest(operator=operator, team=team or self._caller.team)
        if run is not None:
            request.run_id = id_of(run).bytes
            request.team = team or (await self._get(run)).team
        if run is not None and node is not None:
            request.node = await self._index(run, node)
        answer: Any = await self._connection.call("artifact_store", "ForgetResults", request)
        return answer.forgotten

    async def _index(self, run: AnyRun, node: str | int) -> int:
        return node if isinstance(node, int) else node_index(await self._plan_of(run), node)


class Cache:
    """What `Client.cache` is: AsyncCache for code without an event loop."""

    def __init__(self, cache: AsyncCache, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._cache, self._wait = cache, wait

    def explain(self, run: AnyRun, node: str) -> Explanation:
        """Return why a node's result was reused, or was not."""
        return self._call(self._cache.explain(run, node))

    def invalidate(self, operator: str = "", **chosen: Any) -> int:
        """Forget results, so that they are computed again; see AsyncCache.invalidate."""
        return self._call(self._cache.invalidate(operator, **chosen))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return cast(T, self._wait(work))


def _explanation(run: uuid.UUID, decision: artifact_pb2.CacheDecision) -> Explanation:
    is_hit = decision.HasField("hit")
    origin = decision.hit if is_hit else decision.nearest_origin if decision.HasField("nearest_origin") else None
    compares = decision.HasField("nearest") and bool(decision.call.parts)
    return Explanation(
        run=run,
        node=decision.name,
        operator=decision.call.operator,
        attempt=decision.attempt,
        is_hit=is_hit,
        reason=decision.reason,
        differences=tuple(_differences(decision.nearest, decision.call)) if compares else (),
        origin=origin,
        parts=[KeyPart(each.kind, each.name, _shown(each)) for each in decision.call.parts],
    )


def _differences(old: artifact_pb2.CallKey, new: artifact_pb2.CallKey) -> Iterator[str]:
    """Yield what of a call is not as it was."""
    from ..compiler.fingerprints import changed

    before, after = ({(each.kind, each.name): _shown(each) for each in call.parts} for call in (old, new))
    if code := changed(_code(before), _code(after)):
        yield f"code changed: {', '.join(code)}"
    for kind, name in sorted(before.keys() | after.keys()):
        was, now = before.get((kind, name)), after.get((kind, name))
        if kind == "code" or was == now:
            continue
        if kind == "package":
            yield f"package {name}: {was or 'not used'} -> {now or 'not used'}"
        else:
            what = "cache_key" if kind == "key" else f"{kind} {name}"
            yield f"{what} {'is new' if was is None else 'is gone' if now is None else 'changed'}"


def _code(parts: dict[tuple[str, str], str]) -> dict[str, str]:
    return {name: value for (kind, name), value in parts.items() if kind == "code"}


def _shown(part: artifact_pb2.KeyPart) -> str:
    return part.value.hex() if part.kind in ("code", "argument") else part.value.decode("utf-8", "replace")
