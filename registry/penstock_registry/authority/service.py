"""The RPCs of the authority. The interceptor has verified the caller; what is about oneself is checked here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, cast

from penstock_access import calling
from penstock_access.principal import DEPLOYMENT, Kind, Principal, Role
from penstock_proto.access.v1 import service_pb2 as api
from penstock_proto.access.v1 import service_pb2_grpc
from penstock_service.database import Database
from penstock_service.guard import Denied
from penstock_service.verifier import Unauthenticated

from ..errors import BadRequest, NotFound
from . import store
from .audit import NEWEST, Audit
from .issuing import Issuer, new_api_token
from .provider import SignIn

DAY_S: Final = 86_400
LASTS_S, LASTS_S_MAX = 90 * DAY_S, 366 * DAY_S
TEXT_CHARS_MAX: Final = 200
TEAMS_MAX: Final = 50
TOKENS_MAX: Final = 100
NOTES_MAX: Final = 1_000
PAGE, PAGE_MAX = 50, 500
NUMBER_CHARS_MAX: Final = 18
# Later than the times of all tokens.
LATEST_US: Final = 10**17
# Between team and subject in page tokens: no printable text has it.
APART: Final = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How people sign in.

    Attributes:
        session_s: How long a session lasts.
        command_line_client: Id of the command line at the identity provider; empty: it does not sign in.
        scopes: That are asked of the provider.
    """

    sign_in: SignIn
    session_s: int
    command_line_client: str = ""
    scopes: str = ""


class AuthorityService(service_pb2_grpc.AuthorityServiceServicer):
    def __init__(self, database: Database, issuer: Issuer, audit: Audit, people: People | None = None) -> None:
        self._database, self._issuer, self._audit = database, issuer, audit
        self._people = people

    async def Exchange(self, request: api.ExchangeRequest, context: Any) -> api.ExchangeResponse:
        token, lasts_s = await self._issuer.exchange_api_token(request.api_token)
        return api.ExchangeResponse(access_token=token, expires_in_s=lasts_s)

    async def SignIn(self, request: api.SignInRequest, context: Any) -> api.SignInResponse:
        if self._people is None:
            raise BadRequest("this deployment has no identity provider: use an API token")
        try:
            identity = await self._people.sign_in.identity(request.id_token, request.nonce)
        except Unauthenticated as error:
            await self._note("denied", "AuthorityService/SignIn", str(error))
            raise
        token, row = await self._issuer.begin_session(identity, self._people.session_s)
        return api.SignInResponse(secret=token, token=store.described(row))

    async def Provider(self, request: api.ProviderRequest, context: Any) -> api.ProviderResponse:
        if (people := self._people) is None:
            return api.ProviderResponse()
        return api.ProviderResponse(
            issuer=people.sign_in.expected.issuer,
            command_line_client=people.command_line_client,
            scopes=people.scopes,
        )

    async def Keys(self, request: api.KeysRequest, context: Any) -> api.KeysResponse:
        return api.KeysResponse(
            jwks_json=await self._issuer.jwks(),
            deployment_id=await self._issuer.deployment_id(),
            signing_since_us=self._issuer.signing_since_us,
            now_us=time.time_ns() // 1000,
        )

    async def WhoAmI(self, request: api.WhoAmIRequest, context: Any) -> api.WhoAmIResponse:
        me = _caller()
        return api.WhoAmIResponse(
            subject=me.subject, name=me.name, kind=me.kind.value, source=me.source, deployment_admin=me.may_everything,
            teams=[api.Membership(team=team, role=cast(Any, int(role))) for team, role in sorted(me.teams.items())],
            expires_at_us=int(me.expires_s * 1e6),
        )  # fmt: skip

    async def CreateToken(self, request: api.CreateTokenRequest, context: Any) -> api.CreateTokenResponse:
        me = _caller()
        subject = request.subject or me.subject
        _check_text(subject=subject, name=request.name, pool=request.pool)
        if (subject != me.subject or request.pool) and not me.may_everything:
            raise Denied("tokens of others, and of workers, are made by admins of the deployment")
        if me.kind is Kind.SERVICE and not request.subject:
            raise BadRequest("a service has no API tokens: name the subject that the token is for")
        if me.source == "api_token" and not me.may_everything:
            raise Denied("an API token cannot make others: sign in")
        if len(request.teams) > TEAMS_MAX or not all(0 < len(team) <= TEXT_CHARS_MAX for team in request.teams):
            raise BadRequest(f"a token is for at most {TEAMS_MAX} teams, each named in {TEXT_CHARS_MAX} characters")
        if not 0 <= request.expires_in_s <= LASTS_S_MAX:
            raise BadRequest(f"a token lasts at most {LASTS_S_MAX // DAY_S} days")
        if await store.count(self._database, subject) >= TOKENS_MAX:
            raise BadRequest(f"{subject} has {TOKENS_MAX} tokens: revoke some")
        token_id, token, digest = new_api_token()
        wanted = {
            "subject": subject, "name": request.name, "teams": list(request.teams), "role": _role(request.role),
            "pool": request.pool, "lasts_s": request.expires_in_s or LASTS_S,
        }  # fmt: skip
        row = await store.create(self._database, token_id, digest, wanted)
        await self._note("token_created", token_id, f"for {subject}")
        return api.CreateTokenResponse(secret=token, token=store.described(row))

    async def ListTokens(self, request: api.ListTokensRequest, context: Any) -> api.ListTokensResponse:
        me = _caller()
        size, before = _page_size(request), (LATEST_US, "")
        if request.page_token:
            at_us, _, token_id = request.page_token.partition("-")
            before = _number_of(at_us), token_id
        rows = await store.tokens(self._database, "" if me.may_everything else me.subject, before, size + 1)
        last = rows[size - 1] if len(rows) > size else None
        following = f"{last['created_us']}-{last['id']}" if last is not None else ""
        return api.ListTokensResponse(tokens=map(store.described, rows[:size]), next_page_token=following)

    async def RevokeToken(self, request: api.RevokeTokenRequest, context: Any) -> api.RevokeTokenResponse:
        me = _caller()
        _check_text(id=request.id)
        row = await store.token(self._database, request.id)
        if row is None or not (me.may_everything or row["subject"] == me.subject):
            raise NotFound(f"unknown token {request.id!r}: `penstock tokens list` lists yours")
        revoked = await store.revoke(self._database, request.id)
        await self._note("token_revoked", request.id, f"of {row['subject']}")
        return api.RevokeTokenResponse(token=store.described(revoked))

    async def ListMembers(self, request: api.ListMembersRequest, context: Any) -> api.ListMembersResponse:
        _check_text(team=request.team)
        size, (team, _, subject) = _page_size(request), request.page_token.partition(APART)
        _check_text(page_token=subject, team=team)
        found = await store.members(self._database, calling.narrowed(request.team), (team, subject), size + 1)
        following = f"{found[size - 1].team}{APART}{found[size - 1].subject}" if len(found) > size else ""
        return api.ListMembersResponse(members=found[:size], next_page_token=following)

    async def SetMember(self, request: api.SetMemberRequest, context: Any) -> api.SetMemberResponse:
        _check_text(team=request.team, subject=request.subject)
        if not request.team or not request.subject:
            raise BadRequest("name a team and a subject")
        role = _role(request.role)
        if request.team == DEPLOYMENT and role not in (Role.NONE, Role.ADMIN):
            raise BadRequest("the only role in the deployment is admin")
        await store.set_member(self._database, request.team, request.subject, role)
        await self._note("member_set", request.team, f"{request.subject} is {role.word}", team=request.team)
        return api.SetMemberResponse()

    async def RotateKey(self, request: api.RotateKeyRequest, context: Any) -> api.RotateKeyResponse:
        key_id = await self._issuer.rotate()
        await self._note("key_rotated", key_id, "")
        return api.RotateKeyResponse(key_id=key_id)

    async def Note(self, request: api.NoteRequest, context: Any) -> api.NoteResponse:
        if len(request.entries) > NOTES_MAX:
            raise BadRequest(f"{len(request.entries)} entries at once; the limit is {NOTES_MAX}")
        await self._audit.append(request.entries)
        return api.NoteResponse()

    async def Audit(self, request: api.AuditRequest, context: Any) -> api.AuditResponse:
        _check_text(what=request.what, subject=request.subject)
        below = _number_of(request.page_token) if request.page_token else NEWEST
        entries, token = await self._audit.page(request, _page_size(request), below)
        return api.AuditResponse(entries=entries, next_page_token=token)

    async def _note(self, what: str, action: str, detail: str, team: str = "") -> None:
        me = calling.caller()
        entry = api.AuditEntry(
            at_us=int(time.time() * 1e6), what=what, subject=me.subject if me else "",
            credential=me.credential if me else "",
            service="penstock-registry", action=action, team=team, detail=detail,
        )  # fmt: skip
        await self._audit.append([entry])


def _caller() -> Principal:
    found = calling.caller()
    if found is None:
        raise Denied("nobody is known to call")
    return found


def _page_size(request: Any) -> int:
    if not 0 <= request.page_size <= PAGE_MAX:
        raise BadRequest(f"invalid page size {request.page_size}: the limit is {PAGE_MAX}")
    return request.page_size or PAGE


def _number_of(page_token: str) -> int:
    if not page_token.isascii() or not page_token.isdecimal() or len(page_token) > NUMBER_CHARS_MAX:
        raise BadRequest("invalid page token: use the one of the answer before")
    return int(page_token)


def _role(number: int) -> Role:
    if number not in [int(role) for role in Role]:
        raise BadRequest(f"unknown role {number}")
    return Role(number)


def _check_text(**texts: str) -> None:
    for name, text in texts.items():
        if len(text) > TEXT_CHARS_MAX or not text.isprintable():
            raise BadRequest(f"{name} has at most {TEXT_CHARS_MAX} characters, all of them printable")
