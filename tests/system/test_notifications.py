"""Messages when runs end, on a whole stack: the command line, Python, and a stack that is killed in between."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from penstock import Client
from penstock.client.discovery import find

from tests.system.conftest import Cli
from tests.waiting import wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
FLOW = """
    from penstock import operator, workflow

    @operator
    def divide(by: int) -> float:
        return 1 / by

    @workflow
    def flow(by: int = 1) -> float:
        return divide(by)
"""


class Hook:
    """A receiver that is away until it is opened."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.is_open = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                if hook.is_open.is_set():
                    hook.ids.append(self.headers["webhook-id"])
                self.send_response(204 if hook.is_open.is_set() else 503)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cli]:
    data = tmp_path / "data"
    for each in (tmp_path.parent, tmp_path, data):
        each.mkdir(exist_ok=True)
        each.chmod(0o755)
    cli = Cli(data, {"PENSTOCK_NOTIFY_NETWORKS": "127.0.0.0/8"})
    assert cli("up", "--detach", "--port", "0", "--shards", "4").code == 0
    try:
        yield cli
    finally:
        cli("down")


def test_nothing_is_lost_when_the_stack_is_killed(own: Cli, hook: Hook, project: Callable[[str, str], Path]) -> None:
    path = str(project("told.py", FLOW))
    made = own("notifications", "channels", "add", "ops", "--webhook", hook.url, "--json")
    assert made.json["created"] and made.json["webhook"] == hook.url
    assert "ops gets a message" in own("notifications", "rules", "add", "bad", "--channel", "ops").out
    assert own("run", path, "--notify", "nobody").code == 2
    good = own.run_id(own("run", path, "--notify", "ops", "--json"))
    bad = own.run_id(own("run", path, "--by", "0", "--json"))
    rows = wait_for(lambda: len(found := own("notifications", "deliveries", "--json").json) == 2 and found)
    assert {(row["run"], row["kind"], row["rule"]) for row in rows} == {(good, "succeeded", ""), (bad, "failed", "bad")}
    assert {row["state"] for row in rows} == {"waiting"}
    running = find(own.data)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: find(own.data) is None)
    hook.is_open.set()
    assert own("up", "--detach", "--port", "0").code == 0
    wait_for(lambda: {row["state"] for row in own("notifications", "deliveries", "--json").json} == {"delivered"})
    assert set(hook.ids) == {row["id"] for row in rows}
    assert len(own("notifications", "deliveries", "--json").json) == 2
    assert "no notification was given up" in own("doctor").out
    assert own("notifications", "channels", "rm", "ops").code != 0
    assert own("notifications", "rules", "rm", "bad").code == own("notifications", "channels", "rm", "ops").code == 0


def test_the_page_is_true(cli: Cli) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    running = find(cli.data)
    assert running is not None
    exec(example.replace("Client()", f"Client({running.address!r})"), {})
    with Client(running.address) as client:
        assert [rule.channel for rule in client.notifications.rules() if rule.name == "failures"] == ["people"]
        client.notifications.remove_rule("failures")
        client.notifications.remove_channel("people")
        assert client.notifications.status().dead >= 0
    shown = cli("notifications", "channels", "add", "x", "--email", "no address")
    assert shown.code == 2 and "invalid e-mail address" in shown.err
    assert cli("notifications", "channels", "add", "x").code == 2
    assert cli("notifications", "deliveries", "--state", "odd").code == 2
