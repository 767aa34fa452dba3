"""The console as the gateway serves it: what a browser may do with it, and what nobody can fetch by it."""

import re
import socket
from pathlib import Path

import httpx
import pytest
from penstock_console import PAGES

from tests.gateway.programs import Programs
from tests.system.conftest import Cli, Served

POLICY = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "


@pytest.fixture
def site(url: str) -> str:
    return url.removesuffix("/v1")


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/runs/01933f4e-7c1a-7b3c-9d2e-5f6071829304", "/workflows/a.b", "/launch"]
)
def test_every_page_is_the_one_page_with_a_strict_policy(site: str, path: str) -> None:
    answer = httpx.get(site + path)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(POLICY) and "script-src" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text), "no script may be inline"
    assert re.findall(r'(?:src|href)="(?!/)([^"]*)', answer.text) == [], "nothing comes from elsewhere"


def test_assets_never_change_and_are_compressed(site: str) -> None:
    scripts = re.findall(r'src="(/assets/[^"]+)"', httpx.get(site).text)
    assert scripts
    for script in scripts:
        answer = httpx.get(site + script)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        plain = httpx.get(site + script, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content and "content-encoding" not in plain.headers


def test_no_file_names_another_site() -> None:
    allowed = re.compile(
        r"https?://(?:www\.w3\.org|json-schema\.org|react\.dev|relative\.invalid|localhost|tanstack\.com|github\.com|"
        r"mantine\.dev|help\.mantine\.dev|alt-mantine-docs|rjsf-team\.github\.io|vega\.github\.io|ops\.example\.org)"
    )
    for path in PAGES.rglob("*.*"):
        for address in re.findall(rb"https?://[A-Za-z0-9.-]+\.[a-z]{2,}", path.read_bytes()):
            assert allowed.match(address.decode()), f"{path.name} names {address.decode()}"


@pytest.mark.parametrize("path", ["/assets/none.js", "/none.ico", "/assets/../../pyproject.toml", "/../pyproject.toml"])
def test_what_is_no_file_of_the_console(site: str, path: str) -> None:
    host, port = site.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:  # a client would tidy the path up
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 404") or (b"text/html" in answer and b"[project]" not in answer)
    assert b"[project]" not in answer


def test_the_api_keeps_its_own_answers(site: str) -> None:
    missing = httpx.get(f"{site}/v1/none")
    assert missing.status_code == 404 and missing.headers["content-type"] == "application/problem+json"
    assert httpx.post(f"{site}/runs").status_code == 405


def test_outputs_of_a_run_with_previews(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("doubled", n=3)
    programs.ended(run)
    outputs = rest.get(f"/runs/{run}/result", params={"preview": True}).json()["outputs"]
    assert outputs["n"] == 6
    assert outputs["data"]["preview"]["kind"] == "bytes" and len(outputs["data"]["artifact"]) == 64


def test_open_names_the_page_of_a_run(rest_stack: Served, site: str, programs: Programs) -> None:
    run = programs.launch("doubled", n=1)
    assert rest_stack.cli("open", run[-8:], "--json").json == {"url": f"{site}/runs/{run}"}
    assert rest_stack.cli("open", "--json").json == {"url": f"{site}/runs"}
    assert rest_stack.cli("open", "nothing", "--json").code == 1


def test_open_without_a_stack(tmp_path: Path) -> None:
    done = Cli(tmp_path)("open")
    assert done.code == 1 and "penstock up" in done.err
