"""No body, no parameter and no header makes the gateway fail: it answers with a problem, or does what was asked."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.gateway.naughty import MALFORMED, SHAPELESS, STRANGE, TEXTS
from tests.gateway.programs import Programs

JSON = {"Content-Type": "application/json"}
RUN = "01933f4e-7c1a-7b3c-9d2e-5f6071829304"


def is_problem(answer: httpx.Response) -> bool:
    return (
        400 <= answer.status_code < 500
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == answer.status_code
    )


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("path", ["/runs", "/runs:cancel", f"/runs/{RUN}:cancel"])
def test_what_is_not_json_is_refused(rest: httpx.Client, path: str, name: str) -> None:
    answer = rest.post(path, content=MALFORMED[name], headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (400, "/v1/problems/malformed"), answer.text


@pytest.mark.parametrize("name", SHAPELESS)
def test_what_has_another_shape_is_refused_with_its_place(rest: httpx.Client, name: str) -> None:
    answer = rest.post("/runs", content=SHAPELESS[name], headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (422, "/v1/problems/invalid"), answer.text
    assert all(one["pointer"].startswith("/") or not one["pointer"] for one in answer.json()["errors"])


@pytest.mark.parametrize("name", STRANGE)
def test_strange_json_comes_back_as_it_was_sent(rest: httpx.Client, programs: Programs, name: str) -> None:
    value = json.loads(STRANGE[name])
    body = b'{"plan":"%s","inputs":{"value":%s}}' % (programs.plan("echo").encode(), STRANGE[name])
    launched = rest.post("/runs", content=body, headers=JSON)
    assert launched.status_code == 201, launched.text
    result = programs.ended(launched.json()["run"])["outputs"]["result"]
    if isinstance(result, dict) and "href" in result:
        answer = rest.get(result["href"].removeprefix("/v1"))
        result = json.loads(answer.content)
    assert result == value


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_strange_texts_in_paths_and_parameters(rest: httpx.Client, text: str) -> None:
    part = quote(text, safe="")
    for path in (
        f"/runs/{part}",
        f"/runs/{RUN}/nodes/{part}",
        f"/artifacts/{part}",
        f"/plans/{part}/layout",
        f"/{part}",
    ):
        assert is_problem(rest.get(path)) or rest.get(path).status_code in (200, 304), path
    for path, name in (("/runs", "workflow"), ("/runs", "after"), ("/runs", "state"), ("/workers", "pool")):
        answer = rest.get(path, params={name: text})
        assert answer.status_code == 200 or is_problem(answer), answer.text
    body: dict[str, Any] = {"filter": {"team": text}}
    answer = rest.post("/runs:cancel", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 200 or is_problem(answer), answer.text


@pytest.mark.parametrize("name", ["Last-Event-ID", "Idempotency-Key", "Penstock-User", "Range", "If-None-Match"])
def test_strange_headers(rest: httpx.Client, programs: Programs, name: str) -> None:
    run = programs.launch("doubled", n=1)
    programs.ended(run)
    for text in TEXTS:
        value = text.encode("utf-8", "replace").translate(None, b"\r\n\0")
        for method, path, content in (
            ("GET", f"/runs/{run}/stream", None),
            ("GET", f"/runs/{run}/nodes/double/attempts/1/log", None),
            ("GET", f"/plans/{programs.plan('doubled')}/layout", None),
            ("POST", f"/runs/{run}:cancel", b"{}"),
        ):
            try:
                answer = rest.request(method, path, content=content, headers=[*JSON.items(), (name, value.strip())])
            except httpx.LocalProtocolError:
                continue  # not even this client would send it
            assert answer.status_code < 500, (text, answer.text)


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin-1"],
)
def test_another_type_of_body_is_refused(rest: httpx.Client, media_type: str) -> None:
    answer = rest.post("/runs", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "application/json")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_that_is_too_large_is_refused(rest: httpx.Client, chunked: bool) -> None:
    def parts() -> Any:
        yield from (b" " * 65_536 for _ in range(17))

    content = parts() if chunked else b" " * (17 * 65_536)
    answer = rest.post("/runs", content=content, headers=JSON)
    assert (answer.status_code, "1,048,576" in answer.json()["detail"]) == (413, True)
