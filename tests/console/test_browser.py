"""The console in a browser, against a running stack: what people do with it, and what must not happen to them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from penstock_stack.ports import choose_port
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import SHOWN_MS, watch
from tests.gateway.programs import Programs
from tests.system.conftest import Served
from tests.waiting import wait_for

expect.set_options(timeout=SHOWN_MS)
ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path


def launch(rest: httpx.Client, programs: Programs, name: str, inputs: dict[str, Any], **options: Any) -> str:
    answer = rest.post("/runs", json={"plan": programs.plan(name), "inputs": inputs, **options})
    assert answer.status_code == 201, answer.text
    return answer.json()["run"]


def test_runs_are_listed_live_and_filters_are_in_the_address(
    page: Page, rest: httpx.Client, programs: Programs, gate: Path
) -> None:
    failed = programs.launch("failing")
    programs.ended(failed)
    page.goto("/")
    expect(page).to_have_url(re.compile("/runs$"))
    run = launch(rest, programs, "gated", {"gate": str(gate)}, labels={"ticket": "live-1"})
    row = page.get_by_role("row", name=re.compile("live-1"))
    expect(row).to_contain_text("Running")
    (gate / "open").touch()
    expect(row).to_contain_text("Succeeded")
    assert programs.ended(run)["state"] == "succeeded"
    page.get_by_role("group", name="States").get_by_role("button", name="Failed").click()
    expect(page).to_have_url(re.compile("state=failed"))
    expect(row).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Failed")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("row", name=re.compile(failed[-12:]))).to_be_visible()


def test_a_graph_comes_alive_and_a_node_shows_values_and_logs(page: Page, programs: Programs, gate: Path) -> None:
    run = programs.launch("gated", gate=str(gate))
    page.goto(f"/runs/{run}")
    box = page.get_by_role("button", name=re.compile("^hold, Running"))
    expect(box).to_be_visible()
    (gate / "open").touch()
    expect(page.get_by_role("button", name=re.compile("^add, Succeeded"))).to_be_visible()
    page.get_by_role("button", name=re.compile("^add, Succeeded")).focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Node add")
    expect(panel).to_contain_text("result")
    expect(panel).to_contain_text("6")
    expect(page).to_have_url(re.compile("node=add"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Node hold")).to_be_visible()


def test_logs_come_live_from_the_first_line_and_are_searched(page: Page, programs: Programs) -> None:
    run = programs.launch("doubled", n=21)
    programs.ended(run)
    page.goto(f"/runs/{run}?tab=logs")
    logs = page.get_by_role("log")
    expect(logs).to_contain_text("doubling 21")
    expect(logs).to_contain_text("üüü")
    page.get_by_label("Search in the logs").fill("doubling")
    expect(page.get_by_text("1 of 1")).to_be_visible()


def test_why_a_node_failed(page: Page, programs: Programs) -> None:
    run = programs.launch("failing", n=7)
    programs.ended(run)
    page.goto(f"/runs/{run}")
    page.get_by_role("alert").get_by_role("button", name="fail").click()
    panel = page.get_by_role("region", name="Node fail")
    expect(panel.get_by_role("region", name="Traceback")).to_contain_text("ValueError: 7 is too many")
    expect(panel).to_contain_text("rest_program.py")


def test_text_of_users_is_text(page: Page, rest: httpx.Client, programs: Programs) -> None:
    run = launch(rest, programs, "echo", {"value": {ATTACK: [ATTACK]}}, team=ATTACK, labels={ATTACK: ATTACK})
    programs.ended(run)
    for path in (f"/runs/{run}?tab=values&node=same", f"/runs/{run}?tab=events", "/runs"):
        page.goto(path)
        expect(page.get_by_text("onerror").first).to_be_attached()
        assert page.locator("main img[src=x]").count() == 0


def test_a_run_is_cancelled(page: Page, rest: httpx.Client, programs: Programs, gate: Path) -> None:
    run = programs.launch("gated", gate=str(gate))
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Reason").fill("wrong data")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    assert programs.ended(run)["state"] == "cancelled"


def test_many_nodes_are_one_box_an_operator(page: Page, programs: Programs) -> None:
    run = programs.launch("wide")
    programs.ended(run)
    page.goto(f"/runs/{run}")
    group = page.get_by_role("button", name=re.compile("^double, 120 nodes, Succeeded"))
    group.click()
    expect(page.get_by_role("button", name=re.compile("^double-2, Succeeded"))).to_be_attached()
    page.goto(f"/runs/{run}?tab=nodes")
    expect(page.get_by_role("table", name="Nodes")).to_have_attribute("aria-rowcount", "122")


@pytest.fixture
def own_gateway(rest_stack: Served) -> Iterator[Callable[[int], "subprocess.Popen[bytes]"]]:
    """Starts a gateway of its own over the stack, always on the same port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> "subprocess.Popen[bytes]":
        env = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        env |= {
            "PENSTOCK_STATE_TRACKER": rest_stack.address,
            "PENSTOCK_LISTEN": "127.0.0.1:0",
            "PENSTOCK_HTTP_LISTEN": f"127.0.0.1:{port}",
        }
        started.append(subprocess.Popen([sys.executable, "-m", "penstock_gateway"], env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_gateway_dies_under_an_open_page(
    browser: Browser, programs: Programs, gate: Path, own_gateway: Callable[[int], "subprocess.Popen[bytes]"]
) -> None:
    complaints: list[str] = []
    free_port = choose_port(0)
    run = programs.launch("gated", gate=str(gate))
    first = own_gateway(free_port)
    address = f"http://127.0.0.1:{free_port}"
    wait_for(lambda: _responds(address))
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        watch(page, complaints)
        page.goto(f"/runs/{run}")
        expect(page.get_by_role("button", name=re.compile("^hold, Running"))).to_be_visible()
        first.kill()
        first.wait()
        expect(page.get_by_text("The gateway does not respond")).to_be_visible()
        (gate / "open").touch()
        programs.ended(run)
        own_gateway(free_port)
        expect(page.get_by_role("button", name=re.compile("^add, Succeeded"))).to_be_visible()
        expect(page.get_by_text("The gateway does not respond")).to_have_count(0)
    assert complaints == []


def _responds(address: str) -> bool:
    try:
        return httpx.get(f"{address}/v1/health").status_code == 200
    except httpx.TransportError:
        return False
