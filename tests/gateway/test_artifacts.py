"""Artifacts and logs over REST: stored under their hash, had whole, in parts, or not again."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateway.programs import Programs
from tests.waiting import wait_for

OCTETS = {"Content-Type": "application/octet-stream"}
DATA = bytes(range(256)) * 12_000  # several messages of the store


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def path(rest: httpx.Client) -> str:
    path = f"/artifacts/{name_of(DATA)}"
    first = rest.put(path, content=DATA, headers=OCTETS)
    assert (first.status_code, first.json()["size_bytes"]) == (201, len(DATA))
    assert rest.put(path, content=DATA, headers=OCTETS).status_code == 200
    return path


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-100", len(DATA) - 100, len(DATA)),
        (f"bytes=-{10 * len(DATA)}", 0, len(DATA)),
        (f"bytes=1048570-{10 * len(DATA)}", 1_048_570, len(DATA)),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA)),
    ],
)
def test_a_part_is_had(rest: httpx.Client, path: str, asked: str, start: int, end: int) -> None:
    answer = rest.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (206, f"bytes {start}-{end - 1}/{len(DATA)}")
    assert answer.content == DATA[start:end]


@pytest.mark.parametrize("asked", ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,4-5", "lines=0-1", "x"])
def test_another_range_has_all_of_it(rest: httpx.Client, path: str, asked: str) -> None:
    answer = rest.get(path, headers={"Range": asked})
    assert (answer.status_code, len(answer.content), answer.headers["accept-ranges"]) == (200, len(DATA), "bytes")


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", f"bytes={10**17}-", "bytes=-0"])
def test_a_part_that_is_not_there(rest: httpx.Client, path: str, asked: str) -> None:
    answer = rest.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


def test_it_is_not_sent_again_to_who_has_it(rest: httpx.Client, path: str) -> None:
    etag = rest.get(path, headers={"Range": "bytes=0-0"}).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = rest.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    assert rest.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    part = {"Range": "bytes=0-9"}
    assert rest.get(path, headers=part | {"If-Range": etag}).status_code == 206
    assert rest.get(path, headers=part | {"If-Range": '"other"'}).status_code == 200


def test_its_size_is_had_without_it(rest: httpx.Client, path: str) -> None:
    answer = rest.head(path)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(DATA)), b"")


def test_other_bytes_than_the_name_says_are_refused(rest: httpx.Client) -> None:
    name = name_of(b"these")
    answer = rest.put(f"/artifacts/{name}", content=b"others", headers=OCTETS)
    assert (answer.status_code, name in answer.json()["detail"]) == (409, True)
    assert rest.get(f"/artifacts/{name}").status_code == 404
    assert rest.put(f"/artifacts/{name}", content=b"these").status_code == 415


def test_nothing_is_an_artifact_as_well(rest: httpx.Client) -> None:
    path = f"/artifacts/{name_of(b'')}"
    rest.put(path, content=b"", headers=OCTETS)
    assert (rest.get(path).content, rest.head(path).headers["content-length"]) == (b"", "0")


def test_the_same_is_stored_by_many_at_once(rest: httpx.Client) -> None:
    data = DATA[1:]
    path = f"/artifacts/{name_of(data)}"

    def put(_: int) -> int:
        return rest.put(path, content=data, headers=OCTETS).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(8))) <= {200, 201}
    assert name_of(rest.get(path).content) == name_of(data)


def test_a_log_is_had_by_its_bytes(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("doubled", n=8)
    programs.ended(run)
    path = f"/runs/{run}/nodes/double/attempts/1/log"
    whole = rest.get(path)
    assert whole.text == "doubling 8\nüüü\n"
    seen = rest.get(path, headers={"Range": "bytes=0-10"}).content
    seen += rest.get(path, headers={"Range": f"bytes={len(seen)}-"}).content
    assert seen == whole.content
    assert rest.get(path, headers={"Range": f"bytes={len(seen)}-"}).status_code == 416
    assert rest.get(path.replace("/1/", "/2/")).content == b""


def test_a_file_is_uploaded_and_read_by_an_operator(rest: httpx.Client, programs: Programs) -> None:
    content = b"some text"
    params = {"name": "notes ü.txt", "sha256": hashlib.sha256(content).hexdigest()}
    headers = {"Content-Type": "application/octet-stream"}
    stored = rest.post("/artifacts", params=params, content=content, headers=headers)
    assert stored.status_code == 201, stored.text
    body = {"plan": programs.plan("reading"), "artifacts": {"file": stored.json()["input"]}}
    launched = rest.post("/runs", json=body)
    assert launched.status_code == 201, launched.text
    assert programs.ended(launched.json()["run"])["outputs"] == {"result": "notes ü.txt: some text"}
    other = rest.post("/artifacts", params=params, content=b"other text", headers=headers)
    assert (other.status_code, other.json()["type"]) == (409, "/v1/problems/conflict")
    for name in ("..", "ü" * 200):
        refused = rest.post("/artifacts", params={"name": name}, content=content, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "query parameter name"), name
    plain = rest.post("/artifacts", content=content, headers=headers).json()
    assert (
        plain["input"]["artifact"] == params["sha256"]
        and rest.get(plain["href"].removeprefix("/v1")).content == content
    )


def test_where_an_artifact_is_from_and_what_used_it(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("doubled", n=6, data=11)
    programs.ended(run)
    made = wait_for(lambda: rest.get("/artifacts", params={"run": run}).json()["artifacts"])
    assert [(one["node"], one["port"], one["size_bytes"]) for one in made] == [("repeat", "result", 11 * 256)]
    given = {key: made[0][key] for key in ("artifact", "codec", "type", "size_bytes")}
    stored = programs.plan("echo"), {"artifacts": {"value": given}}
    again = rest.post("/runs", json={"plan": stored[0], "inputs": {}, **stored[1]}).json()["run"]
    programs.ended(again)
    path = f"/artifacts/{given['artifact']}"
    found = wait_for(lambda: len(answer := rest.get(f"{path}/lineage").json()) and answer["given"] and answer)
    assert [one["run"] for one in found["made"]].count(run) == 1 and found["given"][0]["run"] == again
    uses = [(use["run"], use["node"], use["argument"]) for use in found["used"]]
    assert (run, None, "data") in uses and (again, "same", "value") in uses and not found["more"]
    assert rest.get(f"{path}/preview").json()["preview"]["kind"] == "bytes"
    assert rest.get("/artifacts", params={"artifact": given["artifact"][:8], "limit": 1}).json()["next"]
    assert rest.get("/artifacts", params={"type": "none"}).json()["artifacts"] == []
    assert rest.get(f"/artifacts/{'0' * 64}/lineage").status_code == 404
