"""Deliveries that start runs: signed by the library that senders use, once each, refused otherwise."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from penstock_gateway.app import Gateway
from penstock_gateway.edge.triggers import BadTriggers, read_triggers
from standardwebhooks.webhooks import Webhook

from tests.gateway.programs import Programs
from tests.system.conftest import Served

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()


@pytest.fixture(scope="module")
def hooks(
    rest_stack: Served, rest: httpx.Client, programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A gateway of its own with triggers."""
    for name, workflow in (("hooked", "doubled"), ("echoed", "echo")):
        rest.post(f"/workflows/{name}/versions", json={"plan": programs.plan(workflow), "team": "hooks"})
    folder = tmp_path_factory.mktemp("triggers")
    (folder / "secret").write_text(f"{OLD}\n{SECRET}\n")
    (folder / "triggers.toml").write_text(
        f"""
        [fields]
        workflow = "hooked"
        secret_file = "{folder}/secret"
        labels = {{ source = "tests" }}
        [whole]
        workflow = "echoed@1"
        secret_file = "{folder}/secret"
        input = "value"
        """
    )
    gateway = Gateway(rest_stack.address, triggers=read_triggers(str(folder / "triggers.toml")))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(60)
    with httpx.Client(base_url=f"http://{gateway.address}/v1", timeout=60.0, trust_env=False) as client:
        yield client
    asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def deliver(
    hooks: httpx.Client, trigger: str, body: Any, delivery: str = "msg_1", secret: str = SECRET, age_s: float = 0
) -> httpx.Response:
    data, at = json.dumps(body), datetime.now(UTC) - timedelta(seconds=age_s)
    headers = {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": "v1,bm90IHRoaXM= " + Webhook(secret).sign(delivery, at, data),
        "content-type": "application/json",
    }
    return hooks.post(f"/triggers/{trigger}", content=data, headers=headers)


def test_a_delivery_starts_one_run(hooks: httpx.Client, programs: Programs) -> None:
    first = deliver(hooks, "fields", {"n": 21}, "msg_a")
    assert first.status_code == 201, first.text
    run = first.json()
    assert (run["launched_as"], run["user"], run["team"]) == ("hooked@1", "trigger fields", "hooks")
    assert run["labels"] == {"source": "tests"}
    assert programs.ended(run["run"])["outputs"]["n"] == 42
    assert deliver(hooks, "fields", {"n": 21}, "msg_a", OLD).json()["run"] == run["run"], "the same delivery again"
    assert deliver(hooks, "fields", {"n": 21}, "msg_b").json()["run"] != run["run"]
    assert deliver(hooks, "fields", {"n": 22}, "msg_a").status_code == 409, "another body under the same id"
    whole = deliver(hooks, "whole", [1, {"two": 3}], "msg_c").json()["run"]
    assert programs.ended(whole)["outputs"] == {"result": [1, {"two": 3}]}


@pytest.mark.parametrize("age_s", [3_600, -3_600])
def test_an_old_delivery_is_refused(hooks: httpx.Client, age_s: float) -> None:
    refused = deliver(hooks, "fields", {"n": 1}, age_s=age_s)
    assert (refused.status_code, refused.json()["type"]) == (401, "/v1/problems/unauthenticated")


def test_forged_deliveries_are_refused(hooks: httpx.Client) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert deliver(hooks, "fields", {"n": 1}, secret=other).status_code == 401
    data, at = json.dumps({"n": 1}), datetime.now(UTC)
    signed = {
        "webhook-id": "m",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m", at, data),
        "content-type": "application/json",
    }
    for name, value in {
        "webhook-id": "other",
        "webhook-timestamp": str(int(at.timestamp()) + 1),
        "webhook-signature": "v1a," + signed["webhook-signature"][3:],
    }.items():
        assert hooks.post("/triggers/fields", content=data, headers=signed | {name: value}).status_code == 401, name
        missing = {key: each for key, each in signed.items() if key != name}
        assert hooks.post("/triggers/fields", content=data, headers=missing).status_code == 401, name
    assert hooks.post("/triggers/fields", content='{"n": 2}', headers=signed).status_code == 401
    assert deliver(hooks, "nobody", {}).status_code == 404
    assert deliver(hooks, "fields", [1]).status_code == 422
    assert deliver(hooks, "fields", {"n": "x"}, "msg_x").json()["errors"][0]["pointer"] == "/inputs/n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nworkflow = 'w'\nsecret_file = '/nowhere'", "cannot read a secret"),
        ("[a]\nworkflow = 'w'", "secret_file"),
        ("[A]\nworkflow = 'w'\nsecret_file = 'x'", "A"),
        ("[a]\nworkflow = 'w'\nsecret_file = '{short}'", "fewer than 16 bytes"),
        ("[a", "triggers"),
    ],
)
def test_a_wrong_file_is_said_at_the_start(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "short").write_text("whsec_" + base64.b64encode(b"short").decode())
    (tmp_path / "t.toml").write_text(text.replace("{short}", str(tmp_path / "short")))
    with pytest.raises(BadTriggers, match=said):
        read_triggers(str(tmp_path / "t.toml"))
