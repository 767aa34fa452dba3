"""The page of a run that decides as it goes, waits for somebody, is paused, or has failed and is repaired."""

import re
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.console.conftest import SHOWN_MS
from tests.gateway.programs import Programs
from tests.waiting import wait_for

expect.set_options(timeout=SHOWN_MS)


def events_of(rest: httpx.Client, run: str, kind: str) -> list[dict[str, Any]]:
    found = rest.get(f"/runs/{run}/events", params={"limit": 1_000}).json()["events"]
    return [event for event in found if event["kind"] == kind]


def test_a_run_that_decides_and_waits_for_somebody(page: Page, rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("decided")
    page.goto(f"/runs/{run}")
    expect(page.get_by_role("button", name=re.compile("^when, Succeeded, takes true"))).to_be_attached()
    expect(page.get_by_role("button", name=re.compile("^double-2, Succeeded"))).to_be_attached()
    expect(page.get_by_role("button", name=re.compile("^double-3, Not taken"))).to_be_attached()
    loop = page.get_by_role("button", name=re.compile("^repeat, 11 nodes, Succeeded"))
    expect(loop).to_contain_text("round 2 of 5")
    items = page.get_by_role("button", name=re.compile("^double, 30 items: 30 succeeded, Succeeded"))
    items.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Items of double")
    expect(panel).to_contain_text("30 items")
    panel.get_by_role("button", name="double[7]").click()
    node = page.get_by_role("region", name="Node double[7]")
    expect(node).to_contain_text("14")
    node.get_by_role("button", name="double", exact=True).click()
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Close the items").click()

    asked = page.get_by_role("region", name="Waits for somebody")
    expect(asked).to_contain_text("the team search or ada may answer")
    asked.get_by_role("button", name="Send share").click()
    form = page.get_by_role("form", name="Signal share")
    form.get_by_role("button", name="Send the signal").click()
    expect(form.get_by_text("is required")).to_be_visible()
    form.get_by_label("Percent").fill("20")
    form.get_by_label("Comment").fill("a fifth")
    form.get_by_role("button", name="Send the signal").click()
    expect(asked).not_to_contain_text("share")
    asked.get_by_role("button", name="Agree: Report it?").click()
    asked.get_by_label("Comment").fill("looks\ngood")
    asked.get_by_role("button", name="Agree", exact=True).click()
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    expect(asked).to_have_count(0)
    assert programs.ended(run)["outputs"]["result"] == "12 to 20 % of all"
    said = {event["name"]: event["comment"] for event in events_of(rest, run, "signal_received")}
    assert said == {"share": "a fifth", "approval": "looks good"}


def test_a_loop_opens_and_closes(page: Page, rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("decided", count=3)
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name=re.compile("^repeat, 11 nodes")).click()
    expect(page.get_by_role("button", name=re.compile("^repeat, Succeeded, takes false"))).to_be_attached()
    page.get_by_role("button", name="Close groups").click()
    expect(page.get_by_role("button", name=re.compile("^repeat, 11 nodes"))).to_be_attached()
    page.get_by_role("button", name="Refuse: Report it?").click()
    page.get_by_role("button", name="Refuse", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("^approval, Failed"))).to_be_attached()
    rest.post(f"/runs/{run}:cancel", json={})


def test_a_failed_run_is_retried_and_its_open_page_notices(
    page: Page, rest: httpx.Client, programs: Programs, tmp_path: Path
) -> None:
    file = tmp_path / "words.txt"
    run = programs.launch("repaired", path=str(file))
    assert programs.ended(run)["state"] == "failed"
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Retry the run").click()
    wait_for(lambda: len(events_of(rest, run, "run_ended")) == 2)
    expect(page.get_by_text("Node read_text failed")).to_be_visible()
    file.write_text("now")
    assert rest.post(f"/runs/{run}:retry").json()["reopened"] == 2  # by somebody else
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^times, Succeeded"))).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)


def test_a_fork_says_first_what_it_runs(page: Page, rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    run = programs.launch("repaired", path=str(file))
    programs.ended(run)
    page.goto(f"/runs/{run}?node=double")
    expect(page.get_by_role("region", name="Node double")).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Fork").click()
    dialog = page.get_by_role("dialog", name="Fork this run")
    expect(dialog).to_contain_text("1 node reused, 2 run")
    expect(dialog).to_contain_text("read_text, because it failed")
    dialog.get_by_label("Run double again in any case").check()
    expect(dialog).to_contain_text("0 nodes reused, 3 run")
    dialog.get_by_label("Run double again in any case").uncheck()
    expect(dialog).to_contain_text("1 node reused, 2 run")
    file.write_text("now")
    dialog.get_by_role("button", name="Start the fork").click()
    expect(page).to_have_url(re.compile(f"/runs/(?!{run})[0-9a-f-]{{36}}"))
    expect(page.get_by_text("forked from")).to_contain_text(run[-12:])
    assert programs.ended(page.url.split("/runs/")[1][:36])["outputs"]["result"] == "nownow"
    page.get_by_role("button", name=re.compile("^double, Succeeded")).click()
    link = page.get_by_role("region", name="Node double").get_by_role("link", name=f"double of {run[-12:]}")
    expect(link).to_have_attribute("href", f"/runs/{run}?node=double")
    refused = rest.post(f"/runs/{run}:fork", json={"again": ["nobody"]})
    assert refused.status_code == 422 and "nobody" in refused.json()["detail"]


def test_links_between_a_run_and_the_one_that_it_started(page: Page, rest: httpx.Client, programs: Programs) -> None:
    run = programs.launch("parent")
    programs.ended(run)
    child = rest.get(f"/runs/{run}/children").json()["children"][0]["run"]
    page.goto(f"/runs/{run}?node=tripled")
    page.get_by_role("region", name="Node tripled").get_by_role("link", name=child[-12:]).click()
    expect(page).to_have_url(re.compile(child))
    expect(page.get_by_text("started by")).to_contain_text(run[-12:])
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_text("action succeeded triple")).to_be_visible()


def test_an_item_of_a_map_fails_its_run(page: Page, programs: Programs) -> None:
    run = programs.launch("items_failing")
    programs.ended(run)
    page.goto(f"/runs/{run}")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("ValueError: 0 is too many")
    box.get_by_role("button", name="fail[0]").click()
    expect(page.get_by_role("region", name="Node fail[0]")).to_be_visible()


def test_a_run_is_paused_and_goes_on(page: Page, rest: httpx.Client, programs: Programs, tmp_path: Path) -> None:
    run = programs.launch("gated", gate=str(tmp_path))
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Reason").fill("the disk is full")
    page.get_by_role("button", name="Pause the run").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    (tmp_path / "open").touch()
    expect(page.get_by_role("button", name=re.compile("^hold, Succeeded"))).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Paused", exact=True)).to_have_count(0)
    assert programs.ended(run)["outputs"]["result"] == 6
    (paused,) = events_of(rest, run, "run_paused")
    assert paused["reason"] == "the disk is full"


def test_a_run_of_ten_thousand_nodes(page: Page, programs: Programs) -> None:
    run = programs.launch("large")
    programs.ended(run)
    page.goto(f"/runs/{run}")
    group = page.get_by_role("button", name=re.compile("^double, 9999 nodes, Skipped"))
    expect(group).to_contain_text("3 in turn")
    expect(page.get_by_role("button", name=re.compile("^fail, Failed"))).to_be_visible()
    expect(page.get_by_role("img", name="1 failed, 10000 skipped")).to_be_visible()
    group.click()
    expect(page.get_by_role("button", name=re.compile("^double.*nodes, Skipped"))).not_to_have_count(1)
    page.get_by_text("All nodes").click()
    expect(page.get_by_role("group", name="Graph of 10001 nodes")).to_be_visible()
    page.get_by_role("button", name="Show the whole graph").click()
    expect(page.get_by_role("img", name="Graph of 10001 nodes")).to_be_visible()
    page.get_by_role("tab", name="Nodes").click()
    expect(page.get_by_role("table", name="Nodes")).to_have_attribute("aria-rowcount", "10002")
