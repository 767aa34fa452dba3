"""The whole suite as processes with access control: what people may do, over the CLI, Python and REST."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from penstock import Client
from penstock.client import ClientError
from penstock.client.runs import Run
from penstock.compiler.loader import load_workflow
from penstock_access.credentials import Channel
from penstock_proto import channels, tls
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.history.v1 import service_pb2_grpc as history_grpc
from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc
from penstock_proto.state_tracker.v1.diagnosis_pb2 import DiagnoseRequest
from penstock_proto.tls import Tls
from penstock_stack import certificates
from penstock_stack.topology import Topology

from tests.gateway.sse import Stream
from tests.waiting import WAIT_S, wait_for

PROGRAM = """
import time
from pathlib import Path

from penstock import operator, workflow


@operator(cpu=0.1, memory=0)
def make(n: int) -> bytes:
    print("making", n)
    return b"x" * n


@operator(cpu=0.1, memory=0)
def total(data: bytes) -> int:
    return len(data)


@workflow
def sized(n: int) -> int:
    return total(make(n))


@operator(cpu=0.1, memory=0)
def wait(mark: str) -> int:
    while not Path(mark).exists():
        time.sleep(0.1)
    return 1


@workflow
def gated(mark: str) -> int:
    return wait(mark)
"""


def variables(files: Tls) -> dict[str, str]:
    return {tls.CA: files.ca, tls.CERTIFICATE: files.certificate, tls.KEY: files.key}


class Place:
    def __init__(self, suite: Topology, folder: Path) -> None:
        self.suite, self.folder = suite, folder
        self.http = next(one.http for one in suite.instances.values() if one.http)

    def cli(self, token: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("penstock")), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        environment |= {"PENSTOCK_ADDRESS": self.suite.address, "PENSTOCK_TOKEN": token} | variables(self.suite.tls)
        return subprocess.run(command, env=environment, cwd=self.folder, text=True, capture_output=True, timeout=WAIT_S)

    def ok(self, token: str, *words: str) -> Any:
        done = self.cli(token, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rest(self, token: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"http://{self.http}/v1{path}", headers=headers, timeout=60)

    def member(self, name: str, team: str, role: str) -> str:
        """Return the API token of somebody new."""
        setup = self.suite.token()
        self.ok(setup, "teams", "set", team, f"local|{name}", role)
        return str(self.ok(setup, "tokens", "create", "--subject", f"local|{name}")["token"])


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    # Postgres, as another user if this is root, has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="penstock-access-"))
    folder.chmod(0o755)
    (folder / "program.py").write_text(PROGRAM)
    try:
        with Topology(folder / "suite", cpu=2, access=True, encrypted=True) as suite:
            before = tls.chosen()
            tls.choose(suite.tls)
            yield Place(suite, folder)
            tls.choose(before)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_of_one_team_from_launch_to_result_and_nothing_of_it_for_another(place: Place) -> None:
    ada, eve = place.member("ada", "vision", "launcher"), place.member("eve", "ads", "admin")
    with Client(place.suite.address, token=ada) as client:
        run = client.submit(load_workflow(f"{place.folder / 'program.py'}:sized"), n=100_000)
        assert client.result(run, timeout_s=WAIT_S) == 100_000
        info = client.get(run)
        assert (info.team, info.user) == ("vision", "ada")
        assert wait_for(lambda: [line.text for line in client.logs(run, follow=False)]) == ["making 100000"]
        wait_for(lambda: [one.id for one in client.history.runs()] == [run.id])
    with Client(place.suite.address, token=eve) as other:
        for ask in (other.get, other.view, other.cancel, lambda one: list(other.logs(one, follow=False))):
            with pytest.raises(ClientError, match=r"unknown run|not found"):
                ask(run.id)
        assert not other.list() and not other.history.runs()
    parts = ("", "/nodes", "/result", "/stream", "/inputs", "/outputs", "/nodes/total/values", "/nodes/total/arguments")
    for path in (f"/runs/{run.id}{part}" for part in parts):
        assert place.rest(ada, path).status_code == 200, path
        assert place.rest(eve, path).status_code == 404, path
        # Again after the gateway has seen it for somebody who may.
        assert place.rest("", path).status_code == 401, path
        assert place.rest("pst_0123456789abcdef_" + "A" * 43, path).status_code == 401, path


# What the REST API answers to everybody: where it is, and what its problems mean.
OPEN = {"/v1/info", "/v1/health", "/v1/problems", "/v1/problems/{slug}", "/v1/doctor"}


def test_no_route_answers_a_caller_without_a_token(place: Place) -> None:
    with httpx.Client(base_url=f"http://{place.http}", timeout=60) as http:
        described = http.get("/v1/openapi.json").json()
        asked = 0
        for path, operations in described["paths"].items():
            operation = operations.get("get")
            if operation is None or path in OPEN or path.startswith("/v1/session"):  # where people sign in
                continue
            given = {one["name"]: one for one in operation.get("parameters", [])}
            values = {name: _example(one) for name, one in given.items() if one["in"] == "path"}
            query = {name: _example(one) for name, one in given.items() if one["in"] == "query" and one.get("required")}
            for headers in ({}, {"Authorization": "Bearer e30.e30.e30"}, {"Authorization": "Basic YTpi"}):
                answer = http.get(path.format(**values), params=query, headers=headers)
                assert answer.status_code == 401, (path, answer.status_code, answer.text[:300])
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                asked += 1
        assert asked > 60
        (key, *_) = http.get("/.well-known/jwks.json").json()["keys"]
        assert (key["crv"], key["alg"]) == ("Ed25519", "EdDSA") and "d" not in key


def _example(parameter: dict[str, Any]) -> Any:
    schema = parameter["schema"]
    found = parameter.get("examples") or schema.get("examples")
    if isinstance(found, dict):
        return next(iter(found.values()))["value"]
    return found[0] if found else {"integer": 1}.get(schema.get("type"), "x")


def test_roles_over_rest(place: Place) -> None:
    launcher, viewer = place.member("lin", "search", "launcher"), place.member("vic", "search", "viewer")
    program = load_workflow(f"{place.folder / 'program.py'}:sized")
    with Client(place.suite.address, token=launcher) as client:
        run = client.submit(program, n=7)
        assert client.result(run, timeout_s=WAIT_S) == 7
        with pytest.raises(ClientError, match="the role operator is required in team 'search', and launcher is held"):
            client.registry.deploy(program, name="sized", team="search")
    with Client(place.suite.address, token=viewer) as client:
        assert client.get(run.id).user == "lin"
        with pytest.raises(ClientError, match="the role launcher is required"):
            client.cancel(run.id)
        with pytest.raises(ClientError, match="the role launcher is required"):
            client.submit(program, n=7)
    answer = httpx.post(
        f"http://{place.http}/v1/runs/{run.id}:cancel",
        json={},
        headers={"Authorization": f"Bearer {viewer}", "Penstock-User": "lin"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "/v1/problems/denied")


def test_work_goes_on_while_the_authority_is_away_and_nobody_new_signs_in(place: Place) -> None:
    mia = place.member("mia", "vision", "launcher")
    registry = next(one for name, one in place.suite.instances.items() if name == "registry")
    program = load_workflow(f"{place.folder / 'program.py'}:sized")
    with Client(place.suite.address, token=mia) as client:
        assert client.result(client.submit(program, n=3), timeout_s=WAIT_S) == 3
        registry.kill()
        try:
            assert client.result(client.submit(program, n=4), timeout_s=WAIT_S) == 4
            refused = place.cli(mia, "runs")
            assert refused.returncode == 1 and "error:" in refused.stderr
        finally:
            registry.start()
            place.suite.wait_ready()
        assert client.result(client.submit(program, n=5), timeout_s=WAIT_S) == 5
    assert place.ok(mia, "whoami")["teams"] == {"vision": "launcher"}


def test_the_audit_says_who_was_refused(place: Place) -> None:
    eve = place.member("eva", "ads", "viewer")
    assert place.cli(eve, "audit").returncode == 1
    setup = place.suite.token()
    entry = wait_for(
        lambda: next((one for one in place.ok(setup, "audit") if one["subject"] == "local|eva"), None),
    )
    assert (entry["what"], entry["action"]) == ("denied", "AuthorityService/Audit")
    assert eve not in json.dumps(place.ok(setup, "audit", "--limit", "500"))
    (token,) = [one for one in place.ok(setup, "tokens", "list") if one["subject"] == "local|eva"]
    place.ok(setup, "tokens", "revoke", token["id"])
    assert "UNAUTHENTICATED" in place.cli(eve, "whoami").stderr or "revoked" in place.cli(eve, "whoami").stderr


def test_a_certificate_limits_what_a_token_allows(place: Place) -> None:
    """Whoever breaks into a service, and has its key and its certificate, cannot do what it never does."""
    suite = place.suite
    assert suite.certificates is not None
    tracker, remembers = suite.address, suite.addresses("history")[0]
    for role, allowed_here, allowed_there in (
        ("history", True, False),  # follows logs, and asks no history
        ("notifications", True, False),
        ("artifact-store", False, False),
        ("worker", False, False),
        ("gateway", False, False),
        ("user", True, True),
    ):
        files = certificates.issue(suite.certificates, role, f"stolen-{role}").tls
        with Channel(channels.open_blocking_channel(tracker, [], files), suite.token) as channel:
            stub: Any = service_pb2_grpc.StateTrackerServiceStub(channel)
            assert is_allowed(lambda stub=stub: stub.Heads(service_pb2.HeadsRequest())) is allowed_here, role
            assert is_allowed(lambda stub=stub: stub.Diagnose(DiagnoseRequest())) is (role == "user")
        with Channel(channels.open_blocking_channel(remembers, [], files), suite.token) as channel:
            asked: Any = history_grpc.HistoryServiceStub(channel)
            assert is_allowed(lambda asked=asked: asked.ListRuns(history.ListRunsRequest())) is allowed_there, role
    # What services really do, they may: none of them was refused until now.
    denied = place.ok(suite.token(), "audit", "--what", "denied", "--limit", "500")
    assert {one["subject"] for one in denied if one["subject"].startswith("service|")} <= {"service|stack"}


def test_every_service_is_restarted_under_load_and_nothing_is_lost(place: Place) -> None:
    """As an upgrade does it: one at a time, each ready before the next; the worker is killed."""
    zoe = place.member("zoe", "vision", "launcher")
    sized, gated = (load_workflow(f"{place.folder / 'program.py'}:{name}") for name in ("sized", "gated"))
    mark, done = place.folder / "open", threading.Event()
    runs: list[Run] = []

    def submit() -> None:
        with Client(place.suite.address, token=zoe, patience_s=WAIT_S) as client:
            while not done.is_set():
                runs.append(client.submit(sized, n=len(runs)))
                done.wait(0.2)

    with Client(place.suite.address, token=zoe, patience_s=WAIT_S) as client, ThreadPoolExecutor(2) as pool:
        open_run = client.submit(gated, mark=str(mark))
        headers = {"Authorization": f"Bearer {zoe}"}
        stream = Stream(f"http://{place.http}/v1", f"/runs/{open_run.id}/stream", headers=headers)
        watching, submitting = pool.submit(_read_whatever_happens, stream), pool.submit(submit)
        try:
            for name, instance in place.suite.instances.items():
                if name == "worker":
                    instance.kill()
                else:
                    assert instance.stop() == 0, instance.tail()
                instance.start()
                place.suite.wait_ready()
        finally:
            done.set()
            mark.touch()
        submitting.result(WAIT_S)
        assert [client.result(run, timeout_s=WAIT_S) for run in runs] == list(range(len(runs)))
        assert client.result(open_run, timeout_s=WAIT_S) == 1
        watching.result(WAIT_S)
    events = place.rest(zoe, f"/runs/{open_run.id}/events?limit=1000").json()["events"]
    assert stream.seqs == [one["seq"] for one in events] and stream.changes[-1]["kind"] == "ended"


def _read_whatever_happens(stream: Stream) -> None:
    """Read to the end of the run, over as many connections as that takes."""
    deadline = time.monotonic() + 10 * WAIT_S
    while not (stream.changes and stream.changes[-1]["kind"] == "ended"):
        assert time.monotonic() < deadline
        with contextlib.suppress(httpx.TransportError):
            stream.read()
        time.sleep(0.2)


def is_allowed(call: Callable[[], Any]) -> bool:
    try:
        call()
    except grpc.RpcError as error:
        refused: Any = error
        assert refused.code() is grpc.StatusCode.PERMISSION_DENIED, refused
        assert "certificate" in refused.details()
        return False
    return True
