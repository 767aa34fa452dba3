"""No page of another site can make a browser call the REST API, and no answer can be taken for a page of this one."""

import httpx
import pytest
from penstock_gateway.settings import Settings
from penstock_service.settings import UnsafeBind

from tests.gateway.programs import Programs

OWN = "http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:80", True),
        ("127.1.2.3:7780", True),
        ("localhost:7780", True),
        ("LOCALHOST", True),
        ("[::1]:7780", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example:127", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example/127.0.0.1", False),
        ("localhost.", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("[::]", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_hosts_that_are_ours_are_served(rest: httpx.Client, host: str, served: bool) -> None:
    for path in ("/runs", "/nothing", "/openapi.json"):
        answer = rest.get(path, headers={"Host": host})
        # Some are not even HTTP.
        assert (answer.status_code in (200, 404)) if served else answer.status_code in (400, 421), answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_may_not_call(rest: httpx.Client, headers: dict[str, str]) -> None:
    answer = rest.post("/runs:cancel", json={"filter": {"team": "x"}}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/v1/problems/foreign-origin")
    if "Origin" in headers:
        assert rest.get("/runs", headers=headers).status_code == 403


def test_a_page_of_its_own_may_call(rest: httpx.Client, url: str) -> None:
    own = {"Origin": url.removesuffix("/v1"), "Sec-Fetch-Site": "same-origin"}
    assert rest.post("/runs:cancel", json={"filter": {"team": "x"}}, headers=own).status_code == 200


def test_nobody_is_let_in_by_cors(rest: httpx.Client) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (rest.options("/runs", headers=asked), rest.get("/runs")):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert rest.options("/runs", headers=asked).status_code == 403


def test_what_an_operator_wrote_is_not_a_page(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("echo", value="<script>alert(1)</script>" * 100)
    href = programs.ended(run)["outputs"]["result"]["href"]
    answer = rest.get(href.removeprefix("/v1"))
    assert answer.headers["content-disposition"].startswith("attachment")
    for path in (
        href.removeprefix("/v1"),
        f"/runs/{run}/result",
        f"/plans/{programs.plan('echo')}/picture",
        "/nothing",
    ):
        headers = rest.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "text/html" not in headers["content-type"]


def test_an_address_that_others_reach_has_to_be_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STATE_TRACKERS", "127.0.0.1:7733")
    monkeypatch.setenv("PENSTOCK_HTTP_LISTEN", "0.0.0.0:7780")
    with pytest.raises(UnsafeBind, match="PENSTOCK_HTTP_LISTEN"):
        Settings()
    monkeypatch.setenv("PENSTOCK_ALLOW_INSECURE_BIND", "true")
    monkeypatch.setenv("PENSTOCK_HTTP_HOSTS", "penstock.example.org, other.example.org")
    assert Settings().http_hosts == ("penstock.example.org", "other.example.org")
