"""Runs over REST, on a running stack: launched, listed, found, cancelled; their results."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.programs import Programs
from tests.waiting import wait_for

NOWHERE = "01933f4e-7c1a-7b3c-9d2e-5f6071829304"


def errors(answer: httpx.Response) -> dict[str, str]:
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


def test_a_run_is_launched_and_its_result_fetched(rest: httpx.Client, programs: Programs) -> None:
    body = {"plan": programs.plan("doubled"), "inputs": {"n": 21}, "team": "search", "labels": {"a": "b"}}
    launched = rest.post("/runs", json=body, headers={"Penstock-User": "ada"})
    assert launched.status_code == 201
    run = launched.json()
    assert launched.headers["location"] == f"/v1/runs/{run['run']}"
    shown = {name: run[name] for name in ("workflow", "plan", "team", "user", "labels", "pool", "nodes")}
    assert shown == {
        "workflow": "rest_program:doubled",
        "plan": programs.plan("doubled"),
        "team": "search",
        "user": "ada",
        "labels": {"a": "b"},
        "pool": "default",
        "nodes": 2,
    }
    ended = programs.ended(run["run"])
    assert (ended["state"], ended["outputs"]["n"], ended["failure"]) == ("succeeded", 42, None)
    data = ended["outputs"]["data"]
    fetched = rest.get(data["href"].removeprefix("/v1"))
    assert fetched.content == bytes(range(256)) * 8
    assert hashlib.sha256(fetched.content).hexdigest() == data["artifact"]
    got = rest.get(f"/runs/{run['run']}").json()
    assert (got["state"], got["counts"]) == ("succeeded", None)
    assert got["ended_at"] > got["submitted_at"]


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, 2**60, "text", "ü\U0001f600", [], {"a": [1, {"b": None}]}, list(range(2000))]
)
def test_json_comes_back_as_it_was_sent(rest: httpx.Client, programs: Programs, value: Any) -> None:
    run = programs.launch("echo", value=value)
    result = programs.ended(run)["outputs"]["result"]
    if isinstance(value, list) and len(value) > 1000:  # too large for a message
        result = rest.get(result["href"].removeprefix("/v1")).json()
    assert result == value
    (given,) = rest.get(f"/runs/{run}/inputs").json()["values"]
    assert given["name"] == "value"


def test_infinity_is_a_text_that_a_float_admits(rest: httpx.Client, programs: Programs) -> None:
    assert programs.ended(programs.launch("halved", x="-Infinity"))["outputs"]["result"] == "-Infinity"
    refused = rest.post("/runs", json={"plan": programs.plan("halved"), "inputs": {"x": "inf"}})
    assert refused.status_code == 422 and errors(refused) == {"/inputs/x": "input 'x' must be number, not \"inf\""}


def test_the_output_of_one_run_is_the_input_of_another(rest: httpx.Client, programs: Programs) -> None:
    first = programs.launch("doubled", n=1)
    data = programs.ended(first)["outputs"]["data"]
    given = {name: data[name] for name in ("artifact", "codec", "size_bytes", "type")}
    body = {"plan": programs.plan("echo"), "artifacts": {"value": given}}
    second = rest.post("/runs", json=body).json()["run"]
    assert programs.ended(second)["outputs"]["result"]["artifact"] == data["artifact"]


def test_a_failed_run_says_why(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("failing", n=7)
    failure = programs.ended(run)["failure"]
    assert (failure["node"], failure["type"], failure["message"]) == ("fail", "ValueError", "7 is too many")
    assert "raise ValueError" in failure["traceback"]
    (attempt,) = rest.get(f"/runs/{run}/nodes/fail/attempts").json()["attempts"]
    assert (attempt["state"], attempt["cause"], attempt["failure"]["type"]) == ("failed", "user", "ValueError")
    assert rest.get(f"/runs/{run}/nodes/add").json()["because_of"] == "fail"


def test_wrong_inputs_are_named_in_the_words_of_the_command_line(rest: httpx.Client, programs: Programs) -> None:
    answer = rest.post("/runs", json={"plan": programs.plan("doubled"), "inputs": {"m": 1, "data": "x"}})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    found = errors(answer)
    assert found.keys() == {"/inputs/m", "/inputs/n", "/inputs/data"}
    assert found["/inputs/n"] == "input 'n' is missing"


def test_a_pool_that_does_not_exist_is_refused(rest: httpx.Client, programs: Programs) -> None:
    body = {"plan": programs.plan("doubled"), "inputs": {"n": 1}, "pool": "gpu-typo"}
    answer = rest.post("/runs", json=body)
    assert answer.status_code == 422
    assert "unknown pool 'gpu-typo': choose from default" in errors(answer)["/pool"]


def test_the_same_key_is_the_same_run(rest: httpx.Client, programs: Programs) -> None:
    body = {"plan": programs.plan("doubled"), "inputs": {"n": 3}}
    headers = {"Idempotency-Key": "one"}

    def launch(_: int) -> str:
        return rest.post("/runs", json=body, headers=headers).json()["run"]

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(launch, range(40)))) == 1
    other = rest.post("/runs", json=body | {"inputs": {"n": 4}}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (409, "/v1/problems/conflict")
    elsewhere = rest.post("/runs", json=body, headers=headers | {"Penstock-User": "grace"})
    assert elsewhere.json()["run"] != launch(0)


def test_pages_hold_every_run_once(rest: httpx.Client, programs: Programs) -> None:
    plan = programs.plan("doubled")
    ids = [rest.post("/runs", json={"plan": plan, "inputs": {"n": n}, "team": "pages"}).json()["run"] for n in range(7)]
    found: list[str] = []
    after: str | None = None
    while True:
        params = {"team": "pages", "limit": "3"} | ({"after": after} if after else {})
        page = rest.get("/runs", params=params).json()
        found += [run["run"] for run in page["runs"]]
        if (after := page["next"]) is None:
            break
        other = rest.get("/runs", params={"team": "other", "limit": 3, "after": after})
        assert (other.status_code, "other filters" in other.json()["detail"]) == (404, True)
        forged = after[:-4] + ("AAAA" if after[-4:] != "AAAA" else "BBBB")
        assert rest.get("/runs", params=params | {"after": forged}).status_code == 404
    assert found == ids[::-1]


def test_runs_are_filtered_and_found(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("failing", n=1)
    programs.ended(run)
    params = {"workflow": "rest_program:failing", "state": ["failed", "cancelled"]}
    assert run in [one["run"] for one in rest.get("/runs", params=params).json()["runs"]]
    nothing = rest.get("/runs", params=params | {"state": "succeeded"}).json()
    assert (nothing["runs"], nothing["next"], nothing["databases_away"]) == ([], None, 0)
    assert rest.get("/runs:find", params={"part": run.replace("-", "")[-12:]}).json() == {"runs": [run]}
    assert rest.get("/runs:find", params={"part": "f" * 32}).json() == {"runs": []}


def test_a_run_is_cancelled(rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    wait_for(lambda: rest.get(f"/runs/{run}").json()["counts"]["running"])
    waiting = rest.get(f"/runs/{run}/why").json()["waits"]
    assert "hold" in [line["node"] for line in waiting]
    cancelled = rest.post(f"/runs/{run}:cancel", json={"reason": "not needed"}, headers={"Penstock-User": "ada"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelling")
    assert programs.ended(run)["state"] == "cancelled"
    events = rest.get(f"/runs/{run}/events", params={"limit": 1000}).json()["events"]
    (asked,) = [event for event in events if event["kind"] == "cancel_requested"]
    assert (asked["caller"]["user"], asked["reason"]) == ("ada", "not needed")


def test_a_question_is_answered_once(rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("asking")
    wait_for(lambda: "Really?" in rest.get(f"/runs/{run}/why").text)
    for user, body, status, says in (
        ("ada", {"name": "approval", "value": 1}, 422, "must be true or false"),
        ("ada", {"name": "nothing"}, 422, "unknown signal 'nothing'; the run has 'approval'"),
        ("bob", {"name": "approval", "value": True}, 403, "is to be answered by ada"),
        ("ada", {"value": True}, 422, "name"),
    ):
        refused = rest.post(f"/runs/{run}:signal", json=body, headers={"Penstock-User": user})
        assert refused.status_code == status and says in refused.text, refused.text
    taken = {"name": "approval", "value": True, "comment": "fine"}
    as_ada = {"Penstock-User": "ada"}
    assert rest.post(f"/runs/{run}:signal", json=taken, headers=as_ada).json() == {"run": run, "name": "approval"}
    assert programs.ended(run)["state"] == "succeeded"
    assert rest.post(f"/runs/{run}:signal", json=taken, headers=as_ada).status_code == 409


def test_a_run_is_cancelled_at_its_deadline(rest: httpx.Client, programs: Programs) -> None:
    plan = programs.plan("asking")
    run = rest.post("/runs", json={"plan": plan, "deadline_s": 0.1}).json()["run"]
    assert programs.ended(run)["state"] == "cancelled"
    events = rest.get(f"/runs/{run}/events", params={"limit": 1000}).json()["events"]
    (asked,) = [event for event in events if event["kind"] == "cancel_requested"]
    assert asked["reason"] == "its deadline of 0.1 s is over"
    assert rest.post("/runs", json={"plan": plan, "deadline_s": -1}).status_code == 422


def test_many_are_cancelled_only_if_that_is_said(rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    plan = programs.plan("gated")
    body = {"plan": plan, "inputs": {"gate": str(tmp_path)}, "team": "many"}
    ids = [rest.post("/runs", json=body).json()["run"] for _ in range(5)]
    named = {"filter": {"team": "many", "labels": {"ticket": "9"}, "q": "GATED"}, "dry_run": False}
    labelled = rest.post("/runs", json=body | {"labels": {"ticket": "9"}}).json()["run"]
    assert rest.post("/runs:cancel", json=named).json()["runs"] == [labelled]
    assert programs.ended(labelled)["state"] == "cancelled"
    chosen = {"filter": {"team": "many"}, "limit": 3}
    dry = rest.post("/runs:cancel", json=chosen).json()
    assert dry == {
        "dry_run": True,
        "matched": 3,
        "cancelled": 0,
        "runs": ids[:1:-1],
        "failures": [],
        "more": True,
        "databases_away": 0,
    }
    assert {rest.get(f"/runs/{run}").json()["state"] for run in ids} == {"running"}
    assert rest.post("/runs:cancel", json=chosen | {"dry_run": False}).json()["cancelled"] == 3
    for run in ids[2:]:
        assert programs.ended(run)["state"] == "cancelled"
    rest_of_them = rest.post("/runs:cancel", json=chosen | {"dry_run": False}).json()
    assert (rest_of_them["runs"], rest_of_them["more"]) == (ids[1::-1], False)
    everything = rest.post("/runs:cancel", json={"filter": {}, "dry_run": False})
    assert (everything.status_code, list(errors(everything))) == (422, ["/filter"])


def test_many_runs_are_retried_by_a_filter(rest: httpx.Client, programs: Programs) -> None:
    body = {"plan": programs.plan("failing"), "team": "again"}
    ids = [rest.post("/runs", json=body).json()["run"] for _ in range(3)]
    for run in ids:
        programs.ended(run)
    ended = [rest.get(f"/runs/{run}").json()["ended_at"] for run in ids]
    chosen = {"filter": {"team": "again"}}
    dry = rest.post("/runs:retry", json=chosen).json()
    assert (dry["dry_run"], dry["matched"], dry["retried"], dry["runs"]) == (True, 3, 0, ids[::-1])
    last = {"filter": {"team": "again", "ended_from": max(ended)}}
    wait_for(lambda: len(rest.post("/runs:retry", json=last).json()["runs"]) == 1)
    done = rest.post("/runs:retry", json=chosen | {"dry_run": False}).json()
    assert (done["matched"], done["retried"], done["failures"]) == (3, 3, [])
    for run in ids:
        assert programs.ended(run)["state"] == "failed"
        kinds = [event["kind"] for event in rest.get(f"/runs/{run}/events?limit=1000").json()["events"]]
        assert kinds.count("run_reopened") == 1
    bad = rest.post("/runs:retry", json={"filter": {"states": ["running"], "ended_from": "yesterday"}})
    assert bad.status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/result",
        "/nodes",
        "/nodes/a",
        "/nodes/a/attempts",
        "/nodes/a/values",
        "/nodes/a/values/b",
        "/nodes/a/attempts/1/log",
        "/inputs",
        "/events",
        "/why",
        "/states",
        "/operators",
        "/critical-path",
        "/timeline",
        "/logs",
        "/stream",
    ],
)
def test_an_unknown_run_is_not_found(rest: httpx.Client, path: str) -> None:
    answer = rest.get(f"/runs/{NOWHERE}{path}")
    assert answer.status_code == 404, answer.text
    assert answer.json()["detail"].startswith(f"unknown run {NOWHERE}")


def test_a_method_that_is_not_there_is_answered_with_those_that_are(rest: httpx.Client) -> None:
    answer = rest.delete("/runs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert rest.get(f"/runs/{NOWHERE}:cancel").headers["allow"] == "POST"


def test_a_run_is_paused_resumed_and_retried(rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    said = {"Penstock-User": "ada"}
    paused = rest.post(f"/runs/{run}:pause", json={"reason": "a look"}, headers=said)
    assert paused.json() == {"run": run, "paused": True}
    assert rest.post(f"/runs/{run}:retry").json() == {"run": run, "reopened": 0}
    assert rest.post(f"/runs/{run}:resume").json() == {"run": run, "paused": False}
    rest.post(f"/runs/{run}:cancel", json={})
    assert programs.ended(run)["state"] == "cancelled"
    assert rest.post(f"/runs/{run}:pause", json={}).status_code == 409
    assert rest.post(f"/runs/{run}:retry", headers=said).json()["reopened"] >= 1
    (tmp_path / "open").touch()
    wait_for(lambda: rest.get(f"/runs/{run}").json()["state"] == "succeeded")
    assert rest.post(f"/runs/{run}:retry").status_code == 409
    events = rest.get(f"/runs/{run}/events", params={"limit": 1000}).json()["events"]
    said_by = {
        event["kind"]: event["caller"]["user"] for event in events if event["kind"].startswith(("run_p", "run_re"))
    }
    assert said_by["run_paused"] == said_by["run_reopened"] == "ada"
