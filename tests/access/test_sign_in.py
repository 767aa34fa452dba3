"""People sign in with a real identity provider: at the command line and with a browser; also while it is away."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from penstock.client import AsyncClient, Refused
from penstock.client.sign_in import DEVICE_GRANT
from penstock_access.id_tokens import Expected
from penstock_access.principal import Role
from penstock_gateway.app import Gateway
from penstock_gateway.edge.sign_in import PENDING_COOKIE, SESSION_COOKIE, SignInOptions
from penstock_proto.access.v1 import service_pb2 as api
from penstock_registry.authority.issuing import Identity
from penstock_registry.authority.provider import SignIn
from penstock_registry.authority.service import People
from penstock_registry.authority.store import SESSIONS_MAX

from tests.access.people import Browser, IdentityProvider, identity_provider
from tests.access.secured import Secured, secured
from tests.waiting import WAIT_S

PENSTOCK = Path(sys.executable).with_name("penstock")
SITE = "https://penstock.example.org"
HOST = {"Host": "penstock.example.org"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with identity_provider(tmp_path_factory.mktemp("provider"), f"{SITE}/v1/session/callback") as provider:
        yield provider


@pytest.fixture
async def place(database_url: str, provider: IdentityProvider) -> AsyncGenerator[Secured]:
    sign_in = SignIn(Expected(issuer=provider.issuer, clients=("gateway", "cli")))
    people = People(sign_in=sign_in, session_s=3_600, command_line_client="cli", scopes="openid profile")
    async with secured(database_url, people) as place:
        team = api.SetMemberRequest(team="search", subject="group|search-team", role=int(Role.OPERATOR))
        await place.setup.authority.SetMember(team)
        yield place


@pytest.fixture
async def web(place: Secured, provider: IdentityProvider) -> AsyncGenerator[httpx.AsyncClient]:
    """The gateway, as a program that keeps no cookies."""
    options = SignInOptions(
        issuer=provider.issuer, client="gateway", secret="the-secret-of-the-gateway", url=SITE,
        scopes="openid profile",
    )  # fmt: skip
    gateway = Gateway(place.address, sign_in=options)
    await gateway.start()
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}", headers=HOST, trust_env=False) as client:
        yield client
    await gateway.stop()


@pytest.fixture
def environment(place: Secured, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return kept | {"PENSTOCK_ADDRESS": place.address, "PENSTOCK_TOKEN_FILE": str(tmp_path / "settings" / "token")}


def penstock(environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [PENSTOCK, *words], env=environment, capture_output=True, text=True, check=False, timeout=WAIT_S
    )
    return done.returncode, done.stdout, done.stderr


def log_in(environment: dict[str, str], name: str, *words: str) -> tuple[int, str]:
    """Run `penstock login`, and do in a browser what it says."""
    login = subprocess.Popen(
        [PENSTOCK, "login", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert login.stderr is not None
    page = login.stderr.readline().split()[1]
    assert "Sign-in Success" in Browser("none:").sign_in(page, name)
    out, _ = login.communicate(timeout=WAIT_S)
    return login.returncode, out


async def test_a_person_signs_in_at_the_command_line(place: Secured, environment: dict[str, str]) -> None:
    code, out = await asyncio.to_thread(log_in, environment, "ada", "--json")
    begun = json.loads(out)
    path = Path(environment["PENSTOCK_TOKEN_FILE"])
    assert (code, begun["name"], begun["file"]) == (0, "Ada Lovelace", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = path.read_text()
    async with AsyncClient(place.address, token=token) as client:
        me = await client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
        assert (me.subject, me.source) == (begun["subject"], "oidc")
        assert [(one.team, Role(one.role)) for one in me.teams] == [("search", Role.OPERATOR)]
    assert (await asyncio.to_thread(penstock, environment, "runs"))[0] == 0
    assert await asyncio.to_thread(penstock, environment, "logout") == (0, "signed out\n", "")
    assert not path.exists()
    async with AsyncClient(place.address, token=token) as client:
        with pytest.raises(Refused, match="unknown, revoked"):
            await client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
    assert await asyncio.to_thread(penstock, environment, "logout") == (0, "nobody is signed in\n", "")


async def test_while_the_provider_is_away_sessions_go_on_and_new_ones_have_to_wait(
    place: Secured, environment: dict[str, str], provider: IdentityProvider, web: httpx.AsyncClient
) -> None:
    await asyncio.to_thread(log_in, environment, "ada")
    provider.stop()
    try:
        token = Path(environment["PENSTOCK_TOKEN_FILE"]).read_text()
        for _ in range(3):  # each begins by an exchange
            async with AsyncClient(place.address, token=token) as client:
                await client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
        code, _, said = await asyncio.to_thread(penstock, environment, "login")
        assert code == 1
        assert "does not respond" in said and "new sign-ins have to wait, sessions go on" in said
        answer = await web.get("/v1/session/sign-in")
        assert answer.status_code == 503
        assert "new sign-ins have to wait" in answer.json()["detail"]
    finally:
        await asyncio.to_thread(provider.start)
    assert (await asyncio.to_thread(log_in, environment, "bob"))[0] == 0


async def test_an_id_token_for_another_client_is_refused(place: Secured, provider: IdentityProvider) -> None:
    async def ask(path: str, **form: str) -> dict[str, str]:
        async with httpx.AsyncClient(base_url=provider.issuer, trust_env=False) as client:
            return (await client.post(path, data={"client_id": "another", **form})).json()

    begun = await ask("/device/auth", scope="openid profile")
    await asyncio.to_thread(Browser("none:").sign_in, begun["verification_uri_complete"], "ada")
    token = (await ask("/token", grant_type=DEVICE_GRANT, device_code=begun["device_code"]))["id_token"]
    async with AsyncClient(place.address, token="") as client:
        with pytest.raises(Refused, match="it is for another client"):
            await client.connection.call("authority", "SignIn", api.SignInRequest(id_token=token))
    audit = await (await place.admin()).authority.Audit(api.AuditRequest(what="denied"))
    assert audit.entries[0].action == "AuthorityService/SignIn"


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """Return the cookies that an answer sets; each only for this host, over HTTPS, hidden from scripts."""
    found: dict[str, str] = {}
    for line in answer.headers.get_list("set-cookie"):
        pair, *attributes = line.split("; ")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {*attributes}
        assert not any(one.startswith("Domain") for one in attributes)
        name, _, value = pair.partition("=")
        found[name] = value
    return found


async def begun(web: httpx.AsyncClient, name: str, back: str = "/") -> tuple[str, dict[str, str]]:
    """Sign in at the provider; return where it sends the browser, and the cookies that the browser has."""
    answer = await web.get("/v1/session/sign-in", params={"return": back})
    assert answer.status_code == 303
    went = await asyncio.to_thread(Browser(SITE).sign_in, answer.headers["location"], name)
    parts = urlsplit(went)
    return f"{parts.path}?{parts.query}", cookies_of(answer)


def header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def session(web: httpx.AsyncClient, name: str) -> dict[str, str]:
    """Sign in, and return the header of a browser that has."""
    path, pending = await begun(web, name)
    answer = await web.get(path, headers=header(pending))
    assert answer.status_code == 303, answer.text
    cookies = cookies_of(answer)
    assert cookies[PENDING_COOKIE] == ""
    return header({SESSION_COOKIE: cookies[SESSION_COOKIE]})


async def test_a_browser_signs_in_and_out(web: httpx.AsyncClient) -> None:
    nobody = (await web.get("/v1/session")).json()
    assert (nobody["access"], nobody["signed_in"], nobody["sign_in"]) == (True, False, "/v1/session/sign-in")
    ada = await session(web, "ada")
    me = (await web.get("/v1/session", headers=ada)).json()
    assert (me["signed_in"], me["name"], me["source"]) == (True, "Ada Lovelace", "oidc")
    assert me["teams"] == [{"team": "search", "role": "operator"}]
    assert (await web.get("/v1/runs", headers=ada)).status_code == 200
    assert (await web.get("/v1/runs")).status_code == 401
    refused = await web.delete("/v1/session", headers=ada)
    assert (refused.status_code, refused.json()["title"]) == (403, "The request comes from another site")
    ended = await web.delete("/v1/session", headers=ada | {"penstock-csrf": "1"})
    assert (ended.status_code, cookies_of(ended)) == (204, {SESSION_COOKIE: ""})
    again = await session(web, "ada")
    assert again != ada
    assert (await web.get("/v1/session", headers=again)).json()["signed_in"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "penstock-csrf": "1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "penstock-csrf": "1"},
        {},
    ],
)
async def test_another_site_cannot_use_a_session(web: httpx.AsyncClient, headers: dict[str, str]) -> None:
    ada = await session(web, "ada")
    for method, path in (("DELETE", "/v1/session"), ("POST", "/v1/runs")):
        answer = await web.request(method, path, headers=ada | headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "/v1/problems/foreign-origin")
    assert (await web.get("/v1/session", headers=ada)).json()["signed_in"]


async def test_an_answer_is_only_for_the_browser_that_asked(web: httpx.AsyncClient, provider: IdentityProvider) -> None:
    mine, pending = await begun(web, "ada")
    _, others = await begun(web, "bob")
    for path, headers, said in (
        (mine, {}, "no sign-in is in progress"),
        (mine, {"Cookie": f"{PENDING_COOKIE}=bm9uc2Vuc2U"}, "no sign-in is in progress"),
        (mine, header(others), "belongs to another sign-in"),
        (mine.replace("iss=", "iss=x"), header(pending), "another identity provider has answered"),
        ("/v1/session/callback?error=access_denied", header(pending), "did not sign you in: access_denied"),
    ):
        answer = await web.get(path, headers=headers)
        assert (answer.status_code, SESSION_COOKIE in cookies_of(answer)) == (403, False)
        assert said in answer.json()["detail"]
    assert (await web.get(mine, headers=header(pending))).status_code == 303
    replayed = await web.get(mine, headers=header(pending))
    assert (replayed.status_code, SESSION_COOKIE in cookies_of(replayed)) == (403, False)
    assert "invalid_grant" in replayed.json()["detail"]


@pytest.mark.parametrize(
    ("back", "went"),
    [
        ("/runs?team=search", "/runs?team=search"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
async def test_one_returns_to_a_page_of_this_host(web: httpx.AsyncClient, back: str, went: str) -> None:
    path, pending = await begun(web, "ada", back)
    assert (await web.get(path, headers=header(pending))).headers["location"] == went


async def test_groups_are_told_at_each_sign_in(place: Secured, web: httpx.AsyncClient) -> None:
    bob = await session(web, "bob")
    assert (await web.get("/v1/session", headers=bob)).json()["teams"] == []
    assert (await web.get("/v1/runs", headers=bob)).status_code == 403


async def test_too_many_sessions_end_the_oldest(place: Secured, provider: IdentityProvider) -> None:
    issuer, secrets = place.registry.issuer, []
    for _ in range(SESSIONS_MAX + 1):
        secret, _ = await issuer.begin_session(Identity(issuer=provider.issuer, subject="ada", name="Ada"), 60)
        secrets.append(secret)
    async with AsyncClient(place.address, token=secrets[0]) as client:
        with pytest.raises(Refused, match="unknown, revoked"):
            await client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
    for secret in (secrets[1], secrets[-1]):
        token, lasts_s = await issuer.exchange_api_token(secret)
        assert token and 0 < lasts_s <= 60


async def test_without_a_provider_login_says_what_to_do(database_url: str, tmp_path: Path) -> None:
    async with secured(database_url) as place:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        environment = kept | {"PENSTOCK_ADDRESS": place.address, "PENSTOCK_TOKEN_FILE": str(tmp_path / "token")}
        code, _, said = await asyncio.to_thread(penstock, environment, "login")
        assert code == 1
        assert "no identity provider for the command line: set PENSTOCK_OIDC_ISSUER" in said
