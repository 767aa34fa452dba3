"""Who may do what: the caller, API tokens, members of teams, the audit. Without access control, nothing is here."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from penstock.client import access
from penstock.client.access import AuditEntry, Member, TokenInfo
from penstock_proto.access.v1 import service_pb2 as api
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from ..edge.bodies import described, json_body
from ..edge.pages import TOKEN_PATTERN
from . import access_models as models
from . import requests
from .context import NAME_CHARS_MAX, NAME_PATTERN, Here

PAGE, PAGE_MAX = 50, 500
DAY_S: Final = 86_400

router = APIRouter(prefix="/v1", tags=["access"])

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
After = Annotated[str, Query(pattern=TOKEN_PATTERN, description="`next` of the page before, with the same filters.")]
TokenId = Annotated[
    str, Path(description="Id of a token.", max_length=64, pattern=r"^[0-9a-f]+$", examples=["0123456789abcdef"])
]
NAME: Final[dict[str, Any]] = {"min_length": 1, "max_length": NAME_CHARS_MAX, "pattern": NAME_PATTERN}
Team = Annotated[str, Path(description="Name of a team; `*` is the deployment.", examples=["vision"], **NAME)]
Subject = Annotated[str, Query(description="`ISSUER|SUBJECT`, or `group|NAME`.", examples=["local|ada"], **NAME)]
Membership = Annotated[requests.SetMember, Depends(json_body(requests.SetMember))]
Text = Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)]
What = Literal["denied", "signed_in", "token_created", "token_revoked", "member_set", "key_rotated"]


@router.get("/whoami", response_model=models.Identity)
async def whoami(here: Here) -> Response:
    """Say who calls, and with which roles."""
    me = await here.client.access.whoami()
    return answer(
        {
            "subject": me.subject,
            "name": me.name,
            "kind": me.kind,
            "deployment_admin": me.is_admin,
            "teams": me.teams,
            "source": me.source,
            "expires_at": shown_time(me.expires_at_us),
        }
    )


@router.get("/tokens", response_model=models.Tokens)
async def list_tokens(here: Here, limit: Limit = PAGE, after: After = "") -> Response:
    """List the caller's API tokens, newest first; for admins of the deployment, those of everybody."""
    filters = repr("tokens")
    request = api.ListTokensRequest(page_size=limit, page_token=here.pages.inner(after, filters))
    found = await _ask(here, "ListTokens", request)
    tokens = [_token(access.token_info(one)) for one in found.tokens]
    return answer({"tokens": tokens, "next": here.pages.token(found.next_page_token, filters)})


@router.post("/tokens", response_model=models.NewToken, status_code=201, openapi_extra=described(requests.CreateToken))
async def create_token(
    here: Here, body: Annotated[requests.CreateToken, Depends(json_body(requests.CreateToken))]
) -> Response:
    """Create an API token. The answer is the only place where its secret is."""
    secret, made = await here.client.access.create_token(
        body.name,
        subject=body.subject,
        teams=body.teams,
        role=body.role or "",
        pool=body.pool,
        expires_in_s=body.days * DAY_S,
    )
    return answer({"token": secret, "about": _token(made)}, 201)


@router.delete("/tokens/{id:part}", response_model=models.ApiToken)
async def revoke_token(here: Here, id: TokenId) -> Response:
    """Revoke an API token. Access that was given for it ends within five minutes."""
    return answer(_token(await here.client.access.revoke_token(id)))


@router.get("/members", response_model=models.Members)
async def list_members(here: Here, team: Text = "", limit: Limit = PAGE, after: After = "") -> Response:
    """List who has which role, by team and subject. Admins of the deployment see all teams, others their own."""
    filters = repr(("members", team))
    request = api.ListMembersRequest(team=team, page_size=limit, page_token=here.pages.inner(after, filters))
    found = await _ask(here, "ListMembers", request)
    members = [_member(access.member(one)) for one in found.members]
    return answer({"members": members, "next": here.pages.token(found.next_page_token, filters)})


@router.put("/teams/{team:part}/members", response_model=models.Member, openapi_extra=described(requests.SetMember))
async def set_member(here: Here, team: Team, subject: Subject, body: Membership) -> Response:
    """Give somebody a role in a team, in place of the one they had."""
    await here.client.access.set_member(team, subject, body.role)
    return answer({"team": team, "subject": subject, "role": body.role})


@router.delete("/teams/{team:part}/members", response_model=models.RemovedMember)
async def remove_member(here: Here, team: Team, subject: Subject) -> Response:
    """Remove somebody from a team. Access that they were given ends within five minutes."""
    await here.client.access.set_member(team, subject, "")
    return answer({"team": team, "subject": subject})


@router.post("/keys:rotate", response_model=models.SigningKey)
async def rotate_key(here: Here) -> Response:
    """Sign access tokens with a new key from now on. Nobody has to sign in again."""
    return answer({"key_id": await here.client.access.rotate_key()})


@router.get("/audit", response_model=models.Audit)
async def list_audit(
    here: Here, what: What | None = None, subject: Text = "", limit: Limit = PAGE, after: After = ""
) -> Response:
    """List denials, sign-ins and changes of rights, newest first."""
    filters = repr(("audit", what, subject))
    token = here.pages.inner(after, filters)
    request = api.AuditRequest(what=what or "", subject=subject, page_size=limit, page_token=token)
    found = await _ask(here, "Audit", request)
    entries = [_entry(access.audit_entry(one)) for one in found.entries]
    return answer({"entries": entries, "next": here.pages.token(found.next_page_token, filters)})


async def _ask(here: Here, method: str, request: Any) -> Any:
    return await access.call(here.client.connection, method, request)


def _token(one: TokenInfo) -> dict[str, Any]:
    return {
        "id": one.id,
        "subject": one.subject,
        "name": one.name,
        "teams": list(one.teams),
        "role": one.role or None,
        "pool": one.pool or None,
        "created_at": shown_time(one.created_at_us),
        "expires_at": shown_time(one.expires_at_us),
        "used_at": shown_time(one.used_at_us),
        "revoked_at": shown_time(one.revoked_at_us),
    }


def _member(one: Member) -> dict[str, Any]:
    return {"team": one.team, "subject": one.subject, "role": one.role}


def _entry(one: AuditEntry) -> dict[str, Any]:
    return {
        "at": shown_time(one.at_us),
        "what": one.what,
        "subject": one.subject or None,
        "credential": one.credential or None,
        "service": one.service,
        "action": one.action,
        "team": one.team or None,
        "detail": one.detail,
    }
