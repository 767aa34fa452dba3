"""The console's pages about what runs leave behind: artifacts with their lineage, types, notifications."""

import re
from pathlib import Path
from textwrap import dedent

import httpx
from playwright.sync_api import Page, expect

from tests.console.conftest import SHOWN_MS
from tests.console.test_browser import deploy, recorded_artifact
from tests.gateway.programs import Programs
from tests.system.conftest import Served

expect.set_options(timeout=SHOWN_MS)
ROOT = Path(__file__).parent.parent.parent
PLUGINS = (ROOT / "docs/plugins.md").read_text()
EXAMPLE = ROOT / "examples/renderer.py"
ATTACK = "<p>text of the frame</p><script>parent.alert(1)</script><img src=x onerror=parent.alert(2)>"


def test_from_a_run_to_an_artifact_and_to_who_made_and_used_it(
    page: Page, rest: httpx.Client, programs: Programs
) -> None:
    run = programs.launch("doubled", n=4, data=5)
    programs.ended(run)
    artifact = recorded_artifact(rest, run)["artifact"]
    page.goto(f"/runs/{run}?node=repeat")
    page.get_by_role("link", name="Lineage").first.click()
    expect(page).to_have_url(re.compile(f"/artifacts/{artifact}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("repeat.result")
    expect(page.get_by_role("group", name="Made by")).to_contain_text("run " + run[-12:])
    expect(page.get_by_role("group", name="Used by")).to_contain_text("output data")
    page.goto("/artifacts?q=repea")
    row = page.get_by_role("row", name=re.compile(run[-12:]))
    row.get_by_role("button", name="doubled").click()
    expect(page).to_have_url(re.compile("workflow=rest_program"))
    expect(row).to_be_visible()
    page.get_by_label("Find artifacts").fill("no such type")
    expect(page.get_by_text("No artifact matches")).to_be_visible()
    page.get_by_label("Find artifacts").fill(artifact[:10])
    expect(row).to_be_visible()


def test_a_type_and_the_workflows_with_it(page: Page, rest: httpx.Client, programs: Programs) -> None:
    deploy(rest, programs, "filled")
    page.goto("/types?q=basket")
    page.get_by_role("link", name="Basket").click()
    fields = page.get_by_role("table", name="Fields of version 1")
    expect(fields.get_by_role("row", name=re.compile("items int"))).to_be_visible()
    expect(fields.get_by_role("row", name=re.compile("total float optional"))).to_be_visible()
    expect(page.get_by_text("takes it as basket; returns it as result")).to_be_visible()


def test_who_is_told_and_what_became_of_it(page: Page, programs: Programs) -> None:
    page.goto("/notifications?tab=channels")
    page.get_by_role("button", name="Add a channel").click()
    page.get_by_label("Name").fill("ops")
    page.get_by_label("Address").fill("https://localhost/hook")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("^ops.*not signed"))).to_be_visible()
    page.get_by_role("button", name="Send a test message to ops").click()
    expect(page.get_by_role("alert").filter(has_text="ops got no message")).to_contain_text("localhost")
    page.get_by_role("tab", name=re.compile("Rules")).click()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Name").fill("failures")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("failures any workflow Failed ops"))).to_be_visible()
    run = programs.launch("failing", n=2)
    programs.ended(run)
    page.get_by_role("tab", name=re.compile("Messages")).click()
    row = page.get_by_role("row", name=re.compile(run[-12:]))
    expect(row).to_contain_text(re.compile("Waiting|Given up"))
    expect(row).to_contain_text("localhost")
    page.get_by_role("tab", name=re.compile("Rules")).click()
    page.get_by_role("button", name="Remove rule failures").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No rule says who is told")).to_be_visible()


def test_tables_are_paged_and_sorted_and_arrays_are_pictures(
    page: Page, rest: httpx.Client, programs: Programs
) -> None:
    for name in ("tabled", "matrix"):
        run = programs.launch(name)
        programs.ended(run)
        page.goto(f"/artifacts/{recorded_artifact(rest, run)['artifact']}")
        if name == "tabled":
            table = page.get_by_role("region", name="Table")
            expect(page.get_by_text("Rows 1 to 25 of 300")).to_be_visible()
            page.get_by_role("button", name="Rows after").click()
            expect(table.get_by_role("row").nth(1)).to_contain_text("25")
            for order in ("row 0000", "row 0299"):
                table.get_by_role("button", name="name").click()
                expect(table.get_by_role("row").nth(1)).to_contain_text(order)
            expect(table.get_by_role("columnheader", name="name")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_role("img", name=re.compile("Histogram from 0 to"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Heat map from"))).to_be_visible()


def test_a_chart_is_drawn_without_eval_and_loads_nothing(page: Page, rest: httpx.Client, programs: Programs) -> None:
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": "Losses",
        "data": {"values": [{"step": 1, "loss": 2}, {"step": 2, "loss": 1}]},
        "transform": [{"calculate": "datum.loss * 2", "as": "twice"}],
        "mark": "line",
        "encoding": {"x": {"field": "step", "type": "quantitative"}, "y": {"field": "twice", "type": "quantitative"}},
    }
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for data in (chart["data"], {"url": "/v1/runs"}):
        run = programs.launch("echo", value={**chart, "data": data})
        programs.ended(run)
        page.goto(f"/runs/{run}?tab=values")
        if data is chart["data"]:
            expect(page.get_by_label("Losses").first).to_be_visible()
            expect(page.locator("svg .mark-line path").first).to_be_attached()
    expect(page.get_by_text("loads nothing").first).to_be_visible()
    assert not [url for url in asked if url.endswith("/v1/runs")]


def test_a_team_writes_a_view_of_its_tables(
    page: Page, rest: httpx.Client, programs: Programs, rest_stack: Served, tmp_path: Path, complaints: list[str]
) -> None:
    """The example of docs/plugins.md, deployed and pressed; then one that writes HTML, which runs nothing."""
    (example,) = re.findall(r"```python\n(.*?)```", PLUGINS, re.DOTALL)
    (tmp_path / "documented.py").write_text(dedent(example))
    bad = EXAMPLE.read_text().replace("rendering.vega_lite(", f"rendering.html({ATTACK!r}) or str(")
    (tmp_path / "attack.py").write_text(bad)
    for name, file in (
        ("documented", tmp_path / "documented.py"),
        ("drawn", EXAMPLE),
        ("attack", tmp_path / "attack.py"),
    ):
        done = rest_stack.cli("deploy", str(file), "--name", f"render.{name}", "--team", "search")
        assert done.code == 0, done.err
    run = programs.launch("tabled", rows=41)
    programs.ended(run)
    page.goto(f"/artifacts/{recorded_artifact(rest, run)['artifact']}")
    views = page.get_by_role("region", name="Views")
    views.get_by_role("button", name="documented").click()
    expect(views).to_contain_text("41 rows")
    views.get_by_role("button", name="drawn").click()
    expect(views.locator("svg .mark-rect path").first).to_be_attached()
    views.get_by_role("button", name="attack").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("text of the frame")).to_be_visible()
    assert page.locator("iframe").get_attribute("sandbox") == ""
    assert not [one for one in complaints if one.startswith(("dialog", "exception"))]
    complaints.clear()  # the browser says what it did not run
    known = rest.get("/runs", params={"label": "view:render.documented"}).json()["runs"]
    page.reload()
    views.get_by_role("button", name="documented").click()
    expect(views).to_contain_text("41 rows")
    assert len(known) == len(rest.get("/runs", params={"label": "view:render.documented"}).json()["runs"]) == 1
