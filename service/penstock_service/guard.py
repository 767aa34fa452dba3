"""Access control at the edge of every service: one interceptor, which asks the table of rules about every call."""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
import grpc.aio
from penstock_access import calling, certificates, credentials, decision
from penstock_access.calling import Call
from penstock_access.decision import Refusal
from penstock_access.principal import Kind, Principal
from penstock_access.rules import RULES, Of, Rule, short

from .answers import Answer
from .certificates import has_certificate, peer_identity
from .denials import Denials
from .verifier import Unauthenticated, Verifier

REQUEST_ID: Final = "x-request-id"
REQUEST_ID_CHARS_MAX: Final = 64
RUN_TEAMS_MAX: Final = 100_000

# Returns the team of what a request asks about; None: there is no such thing.
TeamOf = Callable[[Any], Awaitable[str | None]]


class Denied(Answer):
    """The caller may not do this."""

    status = "PERMISSION_DENIED"


class Hidden(Answer):
    """What the caller asks about does not exist, or is not for them: the answer does not say which."""

    status = "NOT_FOUND"


class Expired(Unauthenticated):
    """A stream lasted longer than the token of its caller."""

    def __init__(self) -> None:
        super().__init__("the access token has expired: call again with a new one")


class Guard(grpc.aio.ServerInterceptor):
    """Refuses what is not allowed, and lets handlers know who calls.

    Args:
        teams: Where the team of runs and of names comes from, in this service.
        with_certificates: Callers at the main address have certificates, which limit what they may call.
    """

    def __init__(
        self,
        verifier: Verifier,
        denials: Denials,
        teams: Mapping[Of, TeamOf],
        *,
        with_certificates: bool = False,
    ) -> None:
        self._verifier, self._denials = verifier, denials
        self._teams, self._with_certificates = teams, with_certificates

    async def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler: Any = await continuation(handler_call_details)
        if handler is None:  # no such method
            return None
        method = short(handler_call_details.method)
        rule = RULES.get(method)
        if rule is not None and rule.of is Of.NOBODY:
            return handler
        metadata = handler_call_details.invocation_metadata
        kind = ("stream" if handler.request_streaming else "unary") + (
            "_stream" if handler.response_streaming else "_unary"
        )
        behaviour: Any = getattr(handler, kind)
        guarded = self._streaming if handler.response_streaming else self._unary
        make: Any = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            guarded(behaviour, method, rule, metadata, handler.request_streaming),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, behaviour: Any, method: str, rule: Rule | None, metadata: Any, many: bool) -> Any:
        async def call(request: Any, context: Any) -> Any:
            made = await self._admit(method, rule, metadata, context)
            request = await self._check(request, made, rule, method, many)
            reset = calling.note(made)
            try:
                return await behaviour(request, context)
            finally:
                calling.forget(reset)

        return call

    def _streaming(self, behaviour: Any, method: str, rule: Rule | None, metadata: Any, many: bool) -> Any:
        async def call(request: Any, context: Any) -> Any:
            made = await self._admit(method, rule, metadata, context)
            request = await self._check(request, made, rule, method, many)
            calling.note(made)  # for the task of this call, which ends with it
            responses = behaviour(request, context)
            if inspect.isawaitable(responses):  # it writes to the context itself
                await responses
                return
            try:
                if rule is None or not rule.ends or made.principal.expires_s == float("inf"):
                    async for response in responses:
                        yield response
                    return
                ends = asyncio.get_running_loop().time() + made.principal.expires_s - time.time()
                while (response := await _next(responses, ends)) is not None:
                    yield response
            finally:
                await responses.aclose()

        return call

    async def _admit(self, method: str, rule: Rule | None, metadata: Any, context: Any) -> Call:
        """Return who calls; raise Unauthenticated where that is not known, Denied where the certificate forbids it."""
        given = {str(key): value for key, value in metadata or ()}
        token = credentials.bearer(given.get(credentials.HEADER))
        if not token:
            self._denials.note(None, method, "no token")
            raise Unauthenticated(
                "access control is on, and the call has no token: set PENSTOCK_TOKEN, or sign in by `penstock login`"
            )
        try:
            principal = await self._verifier.principal(token)
        except Unauthenticated as error:
            self._denials.note(None, method, str(error))
            raise
        if self._with_certificates:
            known, identity = has_certificate(context), peer_identity(context)
            made = certificates.allowed(principal, rule, method, identity, is_known=known)
            self._enforce(made, principal, method)
        asked = str(given.get(REQUEST_ID, ""))
        is_usable = 0 < len(asked) <= REQUEST_ID_CHARS_MAX and asked.isascii() and asked.isprintable()
        return Call(principal, asked if is_usable else uuid.uuid4().hex)

    async def _check(self, request: Any, made: Call, rule: Rule | None, method: str, many: bool) -> Any:
        return self._many(request, made, rule, method) if many else await self._one(request, made, rule, method)

    async def _one(self, request: Any, made: Call, rule: Rule | None, method: str) -> Any:
        """Check a request, and write who calls into it."""
        principal = made.principal
        if rule is not None and rule.of is Of.REQUEST:
            self._enforce(calling.claim(request, rule, made), principal, method)
            return request
        team: str | None = None
        if rule is not None and rule.of in (Of.RUN, Of.WORKFLOW) and _has_teams(principal):
            team = await self._teams[rule.of](request) if rule.of in self._teams else None
        self._enforce(decision.allowed(principal, rule, team), principal, method, team or "")
        if rule is not None and rule.writes_caller:
            calling.write(request.caller, made, team or "")
        return request

    def _many(self, requests: Any, made: Call, rule: Rule | None, method: str) -> Any:
        """Check whether a stream of requests may be at all, before the first is read; the handler checks each."""
        self._enforce(decision.allowed(made.principal, rule), made.principal, method)
        return _written(requests, made) if rule is not None and rule.writes_caller else requests

    def _enforce(self, made: decision.Decision, principal: Principal, method: str, team: str = "") -> None:
        if made.refusal is not None:
            self._denials.note(principal, method, made.reason, team)
        enforce(made)


def enforce(made: decision.Decision) -> None:
    """Raise Denied or Hidden if a decision says so."""
    if made.refusal is Refusal.HIDDEN:
        raise Hidden(f"not found: {made.reason}")
    if made.refusal is not None:
        raise Denied(made.reason)


async def _written(requests: Any, made: Call) -> Any:
    async for request in requests:
        if request.HasField("caller"):
            team = request.caller.team
            calling.write(request.caller, made, team if made.principal.role_in(team) else "")
        yield request


def _has_teams(principal: Principal) -> bool:
    """Whether its rights depend on the team."""
    return principal.kind is Kind.USER and not principal.is_admin


async def _next(responses: Any, ends: float) -> Any:
    """Return the next response, None after the last; raise Expired at a time of the loop."""
    limit = asyncio.timeout_at(ends)
    try:
        async with limit:
            return await anext(responses, None)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Expired from None


def by_run(team_of: Callable[[bytes], Awaitable[str | None]]) -> TeamOf:
    """Return what says the team of a request's run, and remembers it: a run never changes its team."""
    known: dict[bytes, str] = {}

    async def find(request: Any) -> str | None:
        run_id = bytes(request.run_id)
        team = known.get(run_id)
        if team is None and run_id:
            team = await team_of(run_id)
            if team is not None:
                if len(known) >= RUN_TEAMS_MAX:
                    known.clear()
                known[run_id] = team
        return team

    return find
