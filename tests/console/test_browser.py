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

from tests.console.conftest import SHOWN_MS, unreadable, watch
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
    page.get_by_label("Search in the logs").fill("DOUBLING")
    expect(page.get_by_text("1 line, with that text")).to_be_visible()
    expect(logs).not_to_contain_text("üüü")
    page.get_by_title("Show the lines around this one").click()
    expect(logs).to_contain_text("üüü")
    expect(page.locator(".log-line.hit")).to_contain_text("doubling 21")


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


def recorded_artifact(rest: httpx.Client, run: str) -> dict[str, Any]:
    """The artifact that a run made, once the history has it."""
    return wait_for(lambda: next(iter(rest.get("/artifacts", params={"run": run}).json()["artifacts"]), None))


def deploy(rest: httpx.Client, programs: Programs, name: str) -> None:
    answer = rest.post(f"/workflows/{name}/versions", json={"plan": programs.plan(name), "team": "search"})
    assert answer.status_code in (200, 201), answer.text


def test_somebody_launches_a_workflow_from_a_form(page: Page, rest: httpx.Client, programs: Programs) -> None:
    deploy(rest, programs, "doubled")
    page.goto("/workflows?q=doubled")
    page.get_by_role("link", name="Launch doubled").click()
    page.get_by_label("N *").fill("many")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert")).to_contain_text("is required")
    page.get_by_label("N *").fill("21")
    page.get_by_label("Data").fill("1.5")
    expect(page.get_by_text("must be integer", exact=False).first).to_be_visible()
    page.get_by_label("Data").fill("2")
    page.get_by_text("Options").click()
    page.get_by_label("Labels").fill("ticket=form-1")
    page.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}"))
    run = page.url.split("/runs/")[1][:36]
    assert programs.ended(run)["outputs"]["n"] == 42
    page.get_by_role("tab", name="Inputs and outputs").click()
    expect(page.get_by_text("42", exact=True)).to_be_visible()


def test_launching_again_is_the_same_form(page: Page, rest: httpx.Client, programs: Programs) -> None:
    value = {"text": "ü <b>", "numbers": [1, 2.5, None, True], "nested": {"a/b": {"c~d": []}}}
    run = launch(rest, programs, "echo", {"value": value}, labels={"ticket": "again"})
    programs.ended(run)
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Launch again").click()
    expect(page.get_by_label("Value")).to_have_value(re.compile("c~d"))
    page.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile(f"/runs/(?!{run})[0-9a-f-]{{36}}"))
    again = page.url.split("/runs/")[1][:36]
    programs.ended(again)
    values = [rest.get(f"/runs/{one}/inputs").json()["values"][0]["json"] for one in (run, again)]
    assert values == [value, value]
    assert rest.get(f"/runs/{again}").json()["labels"] == {"ticket": "again"}


def test_a_file_is_uploaded_as_an_input(page: Page, rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "naïve name.txt"
    file.write_text("twelve bytes")
    deploy(rest, programs, "reading")
    page.goto("/launch?workflow=reading")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a file").click()
    chosen.value.set_files(file)
    expect(page.get_by_text("file naïve name.txt")).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}"))
    assert programs.ended(page.url.split("/runs/")[1][:36])["outputs"]["result"] == "naïve name.txt: twelve bytes"


def test_runs_are_compared(page: Page, programs: Programs) -> None:
    runs = [programs.launch("doubled", n=n) for n in (1, 5)]
    for run in runs:
        programs.ended(run)
    page.goto(f"/compare?run={runs[0]}&run={runs[1]}")
    row = page.get_by_role("row", name=re.compile("^n 2 10"))
    expect(row).to_contain_text("10 \u00d75")
    expect(row).to_have_class(re.compile("diff"))


PAGES = (
    "/runs",
    "/runs/{failed}?node=fail",
    "/runs/{failed}?tab=nodes",
    "/runs/{failed}?tab=timeline",
    "/runs/{done}?tab=logs",
    "/runs/{done}?tab=values",
    "/runs/{done}?tab=events",
    "/workflows",
    "/workflows/doubled",
    "/launch",
    "/launch?workflow=doubled",
    "/launch?workflow=reading",
    "/compare?run={done}&run={failed}",
    "/pools",
    "/health",
    "/artifacts",
    "/artifacts/{artifact}",
    "/types",
    "/types/rest_program.Basket",
    "/notifications",
    "/notifications?tab=channels",
    "/notifications?tab=messages",
    "/none",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_all_and_fit_a_phone(
    browser: Browser, url: str, rest: httpx.Client, programs: Programs, scheme: Any
) -> None:
    runs = {"failed": programs.launch("failing"), "done": programs.launch("doubled", n=1)}
    for run in runs.values():
        programs.ended(run)
    deploy(rest, programs, "doubled")
    deploy(rest, programs, "reading")
    deploy(rest, programs, "filled")
    runs["artifact"] = recorded_artifact(rest, runs["done"])["artifact"]
    found: list[str] = []
    # The checker is a script of its own, which the policy of the pages would not let in.
    with browser.new_context(base_url=url.removesuffix("/v1"), color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.set_default_timeout(SHOWN_MS)
        for path in PAGES:
            page.set_viewport_size({"width": 1360, "height": 850})
            page.goto(path.format(**runs))
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
            found += [f"{path}: {one}" for one in unreadable(page)]
            page.set_viewport_size({"width": 390, "height": 800})
            # It takes a moment until everything has its new place.
            page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    assert found == []


@pytest.fixture
def own_gateway(rest_stack: Served) -> Iterator[Callable[[int], "subprocess.Popen[bytes]"]]:
    """Starts a gateway of its own over the stack, always on the same port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> "subprocess.Popen[bytes]":
        env = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        env |= {
            "PENSTOCK_STATE_TRACKERS": rest_stack.address,
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
