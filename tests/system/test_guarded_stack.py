"""`penstock up --access --tls`: the stack of one machine verifies who calls, and its user notices nothing of it."""

from __future__ import annotations

import re
import shlex
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from penstock import Client
from penstock.client.discovery import Running, find
from penstock_gateway.edge.sign_in import SESSION_COOKIE, SIGN_IN

from tests.gateway.test_rest_page import replaced, typed
from tests.system.conftest import Cli, Served
from tests.system.test_getting_started import prints
from tests.waiting import WAIT_S


@pytest.fixture(scope="module")
def guarded(make_data: Callable[[], Path]) -> Iterator[Served]:
    served = Served(make_data(), "--cpu", "1", "--access", "--tls", "--http-port", "0")
    served.start()
    yield served
    served.stop()


def running(served: Served) -> Running:
    found = find(served.data)
    assert found is not None
    return found


@pytest.fixture
def web(guarded: Served) -> Iterator[httpx.Client]:
    """A browser: it keeps cookies, and trusts the authority of the stack."""
    here = running(guarded)
    with httpx.Client(base_url=here.url, verify=ssl.create_default_context(cafile=here.ca), timeout=60) as client:
        yield client


def test_its_user_is_its_admin_and_nobody_else_may_do_anything(
    guarded: Served, project: Callable[[str, str], Path]
) -> None:
    here = running(guarded)
    token = Path(here.token_file)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600 and token.parent == guarded.data
    assert token.read_text() not in guarded.log()
    cli = guarded.cli
    program = project(
        "double.py",
        """
        from penstock import operator, workflow


        @operator(cpu=0.1, memory=0)
        def twice(n: int) -> int:
            return 2 * n


        @workflow
        def double(n: int) -> int:
            return twice(n)
        """,
    )
    assert cli("run", str(program), "--n", "4", "--json").json["outputs"] == {"result": 8}
    assert cli("whoami", "--json").json["is_admin"] is True
    assert cli("status", "--json").json["pid"] == here.pid
    assert cli("doctor", "--json").json["healthy"] is True
    assert cli("open", "--json").json["url"] == f"{here.url}/runs"
    with Client(data=guarded.data) as client:
        (run,) = client.list()
    assert run.user == cli("whoami", "--json").json["name"]
    for variable, value, said in (
        ("PENSTOCK_TOKEN", "pst_0123456789abcdef_" + "A" * 43, "the API token is unknown"),
        ("PENSTOCK_TLS_CA", str(_other_authority(guarded.data)), "not of an authority that is trusted here"),
    ):
        refused = Cli(guarded.data, {variable: value})("runs")
        assert refused.code == 1 and said in refused.err


def _other_authority(data: Path) -> Path:
    from penstock_stack import certificates

    folder = data / "other"
    return folder / certificates.CA_FILE if folder.exists() else certificates.make_authority(folder, "other")


def test_people_sign_in_to_the_console_with_a_token(guarded: Served, web: httpx.Client) -> None:
    assert web.get("/v1/runs").status_code == 401
    assert web.get("/v1/session").json()["sign_in"] == SIGN_IN
    page = web.get(SIGN_IN, params={"return": '/runs?q="><b>'})
    assert page.status_code == 200 and '"><b>' not in page.text and "&gt;&lt;b" in page.text
    assert "script" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    token = Path(running(guarded).token_file).read_text()
    for wrong in ("", "x", "pst_0123456789abcdef_" + "A" * 43, "é", "a\r\nb"):
        refused = web.post(SIGN_IN, data={"token": wrong, "return": "/"})
        assert (refused.status_code, refused.cookies.get(SESSION_COOKIE)) == (403, None)
    foreign = web.post(SIGN_IN, data={"token": token}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403 and "set-cookie" not in foreign.headers
    begun = web.post(SIGN_IN, data={"token": token, "return": "//evil.example"})
    assert (begun.status_code, begun.headers["location"]) == (303, "/")
    assert re.search(r"Secure; HttpOnly; SameSite=Lax", begun.headers["set-cookie"])
    assert web.get("/v1/session").json()["deployment_admin"] is True
    assert web.get("/v1/runs").status_code == 200
    assert web.delete("/v1/session", headers={"Penstock-CSRF": "1"}).status_code == 204
    # The browser has forgotten it, and the command line goes on with it.
    assert web.get("/v1/runs").status_code == 401
    assert guarded.cli("whoami").code == 0


def test_it_stays_guarded_until_it_is_told_otherwise(guarded: Served) -> None:
    token = Path(running(guarded).token_file).read_text()
    refused = guarded.cli("up", "--data", str(guarded.data.parent / "open"), "--host", "0.0.0.0", "--access")
    assert refused.code == 1 and "requires --access and --tls" in refused.err
    try:
        for words, is_guarded in (((), True), (("--no-access",), False)):
            guarded.stop()
            again = Served(guarded.data, *words)
            again.start()
            try:
                here = running(again)
                assert bool(here.token_file) is is_guarded and not here.ca
                assert Path(guarded.data / "admin.token").read_text() == token
                assert httpx.get(f"{here.url}/v1/runs").status_code == (401 if is_guarded else 200)
                assert again.cli("runs").code == 0
            finally:
                again.stop()
    finally:
        guarded.start()


PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text()


def test_every_command_of_the_page_prints_what_it_says(guarded: Served) -> None:
    here, known, typed_count = running(guarded), {"$TOKEN": ""}, 0
    known["$API"] = f"{here.url}/v1"
    for command, expected in typed(PAGE):
        out = _typed_out(guarded, replaced(command, known))
        for line in expected:
            assert prints(line, out), f"{command}\n{out}\nhas no line like\n{line}"
        if command.startswith("penstock tokens create") and not known["$TOKEN"]:
            known["$TOKEN"] = out.split("\n")[0]
        typed_count += 1
    assert typed_count > 10


def _typed_out(stack: Served, command: str) -> str:
    if command == "penstock up --access --tls":
        return stack.log()
    words = shlex.split(command)
    if words[0] == "curl":
        words = ["curl", "--noproxy", "*", "--cacert", running(stack).ca, *words[1:]]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=WAIT_S).stdout
    variable, _, token = words[0].partition("=")
    done = Cli(stack.data, {variable: token})(*words[2:]) if token else stack.cli(*words[1:])
    return done.out + done.err
