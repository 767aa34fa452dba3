"""Live events over REST: complete, in order, shared, and taken up again exactly where they were cut."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from penstock_stack.ports import choose_port

from tests.gateway.programs import Programs
from tests.gateway.sse import Stream
from tests.waiting import WAIT_S, wait_for

GATEWAY = Path(sys.executable).with_name("penstock-gateway")


def all_seqs(rest: httpx.Client, run: str) -> list[int]:
    events = rest.get(f"/runs/{run}/events", params={"limit": 1000}).json()["events"]
    return [event["seq"] for event in events]


class GatewayProcess:
    """A gateway of its own, which can be killed and started again at the same address."""

    def __init__(self, state_tracker: str, log: Path) -> None:
        self._log = log
        self.url = f"http://127.0.0.1:{(http := choose_port(0))}/v1"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")} | {
            "PENSTOCK_LISTEN": f"127.0.0.1:{choose_port(0)}",
            "PENSTOCK_HTTP_LISTEN": f"127.0.0.1:{http}",
            "PENSTOCK_STATE_TRACKERS": state_tracker,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([str(GATEWAY)], env=self._environment, stdout=log, stderr=log)
        wait_for(self._is_healthy)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def _is_healthy(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def gateway(programs: Programs, tmp_path: Path) -> Iterator[GatewayProcess]:
    trackers = f"127.0.0.1:{choose_port(0)},{programs.address}"  # the first does not respond
    process = GatewayProcess(trackers, tmp_path / "gateway.log")
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        assert process.stop() == 0


def test_a_stream_has_every_event_once(rest: httpx.Client, url: str, programs: Programs) -> None:
    run = programs.launch("wide", n=1)
    stream = Stream(url, f"/runs/{run}/stream").read()
    programs.ended(run)
    assert stream.seqs == all_seqs(rest, run)
    assert [stream.changes[0]["kind"], stream.changes[-1]["kind"]] == ["submitted", "ended"]
    assert stream.last_id == str(stream.seqs[-1])
    last = stream.messages[-1]
    assert (last["state"], last["counts"]["succeeded"], sum(last["counts"].values())) == ("succeeded", 121, 121)


def test_a_stream_goes_on_after_any_event(rest: httpx.Client, url: str, programs: Programs) -> None:
    run = programs.launch("failing", n=1)
    programs.ended(run)
    seqs = all_seqs(rest, run)
    for seq in (0, *seqs[:-1]):
        rest_of_it = Stream(url, f"/runs/{run}/stream", last_id=str(seq)).read()
        assert rest_of_it.seqs == [one for one in seqs if one > seq]
        assert Stream(url, f"/runs/{run}/stream", {"after_seq": seq}).read().seqs == rest_of_it.seqs
    over = Stream(url, f"/runs/{run}/stream", last_id=str(seqs[-1])).read()
    assert (over.status, over.seqs) == (204, [])


def test_a_stream_goes_on_where_the_list_of_nodes_ends(
    rest: httpx.Client, url: str, programs: Programs, tmp_path: Path
) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    wait_for(lambda: rest.get(f"/runs/{run}").json()["counts"]["running"])
    seen = rest.get(f"/runs/{run}/nodes").json()["seq"]
    (tmp_path / "open").touch()
    stream = Stream(url, f"/runs/{run}/stream", {"after_seq": seen}).read()
    assert stream.seqs == [seq for seq in all_seqs(rest, run) if seq > seen]


def test_several_runs_share_a_stream(rest: httpx.Client, url: str, programs: Programs, tmp_path: Path) -> None:
    runs = [programs.launch("gated", gate=str(tmp_path)), programs.launch("wide", n=1)]
    programs.ended(runs[1])
    expected = all_seqs(rest, runs[1])
    stream = Stream(url, "/events", {"run": runs})
    stream.read(len(expected))
    (tmp_path / "open").touch()
    programs.ended(runs[0])
    stream.read()
    for run in runs:
        assert [change["seq"] for change in stream.changes if change["run"] == run] == all_seqs(rest, run)
    over = Stream(url, "/events", {"run": runs}, last_id=stream.last_id).read()
    assert over.status == 204
    wrong = rest.get("/events", params={"run": runs}, headers={"Last-Event-ID": "3"})
    assert wrong.status_code == 404
    assert rest.get("/events").status_code == 422


def test_many_watchers_share_one_watch_of_the_state_tracker(
    rest: httpx.Client, url: str, programs: Programs, tmp_path: Path, gateway: GatewayProcess
) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    streams = [Stream(gateway.url, f"/runs/{run}/stream") for _ in range(20)]
    with ThreadPoolExecutor(len(streams)) as pool:
        reading = [pool.submit(stream.read) for stream in streams]
        wait_for(lambda: all(stream.changes for stream in streams))
        (tmp_path / "open").touch()
        for one in reading:
            one.result(WAIT_S)
    expected = all_seqs(rest, run)
    assert [stream.seqs for stream in streams] == [expected] * len(streams)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_gateway_that_goes_away_loses_nobody_anything(
    rest: httpx.Client, programs: Programs, tmp_path: Path, gateway: GatewayProcess, number: signal.Signals
) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    streams = [Stream(gateway.url, f"/runs/{run}/stream") for _ in range(10)]
    with ThreadPoolExecutor(len(streams)) as pool:
        reading = [pool.submit(_read_until_cut, stream) for stream in streams]
        wait_for(lambda: all(stream.changes for stream in streams))
        gateway.kill() if number == signal.SIGKILL else gateway.stop()
        for one in reading:
            one.result(WAIT_S)
        (tmp_path / "open").touch()
        programs.ended(run)
        gateway.start()
        for one in [pool.submit(stream.read) for stream in streams]:
            one.result(WAIT_S)
    expected = all_seqs(rest, run)
    assert [stream.seqs for stream in streams] == [expected] * len(streams)
    assert {stream.changes[-1]["kind"] for stream in streams} == {"ended"}


def _read_until_cut(stream: Stream) -> None:
    try:
        stream.read()
    except httpx.TransportError:
        assert stream.changes


def test_a_command_line_client_sees_lines_as_they_come(rest: httpx.Client, url: str, programs: Programs) -> None:
    run = programs.launch("doubled", n=5)
    text = rest.get(f"/runs/{run}/logs", params={"follow": "true"}).text
    lines = [line for line in text.splitlines() if line]
    assert [re.sub(r'"at":"[^"]*"', '"at":""', line) for line in lines] == [
        '{"node":"double","attempt":1,"at":"","text":"doubling 5"}',
        '{"node":"double","attempt":1,"at":"","text":"üüü"}',
    ]
