"""Lists of all runs over REST: filters, counts, removed runs, and a stream of what changes."""

import json
import threading
from typing import Any

import httpx
from penstock import Client

from tests.gateway.programs import Programs
from tests.waiting import wait_for


def launched(rest: httpx.Client, programs: Programs, name: str = "doubled", **options: Any) -> str:
    body = {"plan": programs.plan(name), "inputs": {"n": 1}, **options}
    answer = rest.post("/runs", json=body, headers={"Penstock-User": options.pop("user", "ada")})
    assert answer.status_code == 201, answer.text
    return answer.json()["run"]


def listed(rest: httpx.Client, **params: Any) -> list[str]:
    answer = rest.get("/runs", params=params)
    assert answer.status_code == 200, answer.text
    return [run["run"] for run in answer.json()["runs"]]


def in_history(rest: httpx.Client, run: str) -> dict[str, Any]:
    """Wait until the history has the end of a run; return its figures."""

    def figures() -> dict[str, Any] | None:
        found = rest.get(f"/runs/{run}/figures")
        return found.json() if found.status_code == 200 and found.json()["run"]["ended_at"] else None

    return wait_for(figures)


def test_a_run_is_listed_at_once_and_with_figures_later(rest: httpx.Client, programs: Programs) -> None:
    run = ""
    for _ in range(5):  # the history cannot have it yet
        run = launched(rest, programs, team="fresh", labels={"at": "once"})
        assert listed(rest, team="fresh", limit=1) == [run]
        assert run in listed(rest, label="at:once", user="ada")
    programs.ended(run)
    figures = in_history(rest, run)
    assert figures["inputs"] == {"n": 1, "data": 8}
    assert [each["operator"] for each in figures["operators"]] == ["rest_program:double", "rest_program:repeat"]
    assert set(figures["critical_path"]) <= {"double", "repeat"}
    (shown, *_) = rest.get("/runs", params={"team": "fresh"}).json()["runs"]
    assert shown["run"] == run and shown["duration_s"] > 0 and shown["counts"]["succeeded"] == 2


def test_filters(rest: httpx.Client, programs: Programs) -> None:
    rest.post("/workflows/filtered/versions", json={"plan": programs.plan("doubled"), "team": "filters"})
    answer = rest.post("/runs", json={"workflow": "filtered", "inputs": {"n": 1}, "labels": {"ticket": "77"}})
    run, other = answer.json()["run"], launched(rest, programs, "failing", team="filters")
    for each in (run, other):
        programs.ended(each)
        in_history(rest, each)
    assert listed(rest, name="filtered") == [run]
    assert listed(rest, team="filters") == [other, run]
    assert listed(rest, team="filters", order="submitted_at") == [run, other]
    assert listed(rest, team="filters", state="failed") == [other]
    assert listed(rest, team="filters", q="FILTERED") == [run]
    assert listed(rest, team="filters", label="ticket:77") == [run] and not listed(rest, label=["ticket:77", "a:b"])
    at = rest.get(f"/runs/{other}").json()["submitted_at"]
    assert listed(rest, team="filters", submitted_from=at) == [other]
    assert listed(rest, team="filters", submitted_before=at) == [run]
    counted = rest.get("/runs:count", params={"team": "filters"}).json()["counts"]
    assert {one["state"]: one["runs"] for one in counted if one["runs"]} == {"succeeded": 1, "failed": 1}
    first = rest.get("/runs", params={"team": "filters", "order": "submitted_at", "limit": 1}).json()
    after = rest.get("/runs", params={"team": "filters", "order": "submitted_at", "limit": 1, "after": first["next"]})
    assert [one["run"] for one in after.json()["runs"]] == [other] and after.json()["next"] is None
    refused = rest.get("/runs", params={"submitted_from": "yesterday"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "query parameter submitted_from")


def test_removed_runs_are_gone(rest: httpx.Client, programs: Programs) -> None:
    runs = [launched(rest, programs, team="removed", labels={"gone": "soon"}) for _ in range(3)]
    for run in runs:
        programs.ended(run)
        in_history(rest, run)
    assert rest.get(f"/runs/{runs[1]}/nodes").status_code == 200
    with Client(programs.address) as client:
        client.remove([runs[1]])
    assert listed(rest, team="removed") == [runs[2], runs[0]], "the first page knows at once"
    assert rest.get(f"/runs/{runs[1]}/nodes").status_code == 404, "the gateway forgets what it has folded"
    wait_for(lambda: rest.get(f"/runs/{runs[1]}/figures").status_code == 404)
    assert listed(rest, team="removed", order="submitted_at") == [runs[0], runs[2]]
    assert listed(rest, label="gone:soon", order="submitted_at") == [runs[0], runs[2]]


class Stream:
    """A stream of changes of runs, read beside the test."""

    def __init__(self, url: str, params: dict[str, Any], last_id: str = "") -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.last_id = last_id
        self._end = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(url, params, last_id))
        self._thread.start()
        assert self._begun.wait(30)

    def runs(self) -> list[tuple[str, str]]:
        return [(run["run"], run["state"]) for _, data in self.events for run in data["runs"]]

    def end(self) -> None:
        """Stop at the next line."""
        self._end.set()

    def close(self) -> None:
        self._thread.join(30)

    def _read(self, url: str, params: dict[str, Any], last_id: str) -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with (
            httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client,
            client.stream("GET", "/runs:stream", params=params, headers=headers) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.last_id = line[4:]
                    self._begun.set()
                if line.startswith("data: "):
                    self.events.append((self.last_id, json.loads(line[6:])))
                if self._end.is_set():
                    return


def test_changes_of_runs_are_streamed_and_resumed(rest: httpx.Client, url: str, programs: Programs) -> None:
    position = rest.get("/runs", params={"team": "streamed"}).json()["position"]
    stream = Stream(url, {"team": "streamed", "state": "succeeded", "after": position})
    run, other = launched(rest, programs, team="streamed"), launched(rest, programs, team="others")
    wait_for(lambda: (run, "succeeded") in stream.runs())
    assert other not in {each for each, _ in stream.runs()}
    assert {state for _, state in stream.runs()} == {"succeeded"}
    at = stream.last_id
    more = launched(rest, programs, team="streamed")
    programs.ended(more)
    in_history(rest, more)
    resumed = Stream(url, {"team": "streamed"}, at)
    wait_for(lambda: (more, "succeeded") in resumed.runs())
    assert run not in {each for each, _ in resumed.runs()}
    with Client(programs.address) as client:
        client.remove([run])
    wait_for(lambda: any(run in data["removed"] for _, data in resumed.events))
    for one in (stream, resumed):
        one.end()
    launched(rest, programs, team="streamed")  # wakes them
    for one in (stream, resumed):
        one.close()


def test_the_run_page(rest: httpx.Client, programs: Programs) -> None:
    run, other = programs.launch("doubled", n=4), programs.launch("doubled", n=5)
    for each in (run, other):
        programs.ended(each)
        in_history(rest, each)
    (argument,) = rest.get(f"/runs/{run}/nodes/double/arguments").json()["arguments"]
    assert argument == {"name": "n", "from": "input n", "value": 4}
    (value,) = rest.get(f"/runs/{run}/nodes/repeat/values", params={"preview": True}).json()["values"]
    assert value["preview"]["kind"] == "bytes"
    listed_outputs = rest.get(f"/runs/{run}/outputs").json()["outputs"]
    assert {each["path"]: each["is_ready"] for each in listed_outputs} == {"n": True, "data": True}
    timeline = rest.get(f"/runs/{run}/timeline", params={"limit": 1}).json()
    assert (len(timeline["nodes"]), timeline["left_out"], timeline["state"]) == (1, 1, "succeeded")
    assert timeline["nodes"][0]["attempts"][0]["started_at"]
    lines = rest.get(f"/runs/{run}/logs", params={"tail": 1}).text.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["üüü"]
    assert "doubling 4" in rest.get(f"/runs/{run}/logs", params={"q": "DOUBLING"}).text
    assert not rest.get(f"/runs/{run}/logs", params={"q": "nothing"}).text
    everything = [json.loads(line) for line in rest.get(f"/runs/{run}/logs").text.splitlines()]
    first, second = everything
    for at, skip, rest_of_it in ((first["at"], 0, everything), (first["at"], 1, [second])):
        window = {"printed_from": at, "skip": skip, "limit": 5}
        answer = rest.get(f"/runs/{run}/logs", params=window).text
        assert [json.loads(line) for line in answer.splitlines()] == rest_of_it
    window = {"tail": 5, "printed_before": "2200-01-01T00:00:00Z", "skip": 1}
    assert [json.loads(line) for line in rest.get(f"/runs/{run}/logs", params=window).text.splitlines()] == [first]
    compared = rest.get("/runs:compare", params={"run": [run, other]}).json()
    assert compared["same_plan"] and compared["inputs"][0] == {"name": "n", "values": [4, 5], "differs": True}
    rows = rest.get("/statistics", params={"by": ["workflow", "day"]}).json()["rows"]
    assert any(row["workflow"] == "rest_program:doubled" and row["succeeded"] for row in rows)
    assert rest.get("/statistics", params={"first_day": "2026-02-02", "last_day": "2026-02-01"}).status_code == 422
    layout = rest.get(f"/plans/{programs.plan('doubled')}/layout")
    assert len(layout.json()["boxes"]) == 2 and layout.headers["etag"]


def test_inputs_are_judged_without_a_launch(rest: httpx.Client, programs: Programs) -> None:
    rest.post("/workflows/judged/versions", json={"plan": programs.plan("doubled"), "team": "search"})
    judge = "/workflows/judged/versions/latest:validate"
    assert rest.post(judge, json={"inputs": {"n": 1}}).json() == {"valid": True, "errors": []}
    verdict = rest.post(judge, json={"inputs": {"n": "x", "m": 1}}).json()
    assert verdict["valid"] is False
    errors = {one["pointer"]: one["detail"] for one in verdict["errors"]}
    assert errors.keys() == {"/inputs/n", "/inputs/m"} and "must be integer" in errors["/inputs/n"]
    launched_errors = rest.post("/runs", json={"workflow": "judged", "inputs": {"n": "x", "m": 1}}).json()["errors"]
    assert {one["pointer"]: one["detail"] for one in launched_errors} == errors
    assert rest.post("/workflows/nobody/versions/1:validate", json={"inputs": {}}).status_code == 404
