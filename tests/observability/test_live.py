"""Every panel and every alert, asked of a real Prometheus that scrapes the suite while it runs workflows."""

import json
import math
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from penstock import Client
from penstock.client.errors import Refused, RunFailed
from penstock.compiler.loader import load_workflow
from penstock_observability.reference import declared
from penstock_proto import tls
from penstock_stack.ports import HOST, choose_port
from penstock_stack.topology import Topology

from tests.observability.programs import program, promtool
from tests.tracer.collector import Collector, listening
from tests.waiting import WAIT_S, wait_for

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "observability" / "prometheus.yml"
RULES = ROOT / "observability" / "rules" / "penstock.yml"
BOARDS = sorted((ROOT / "observability" / "dashboards").glob("*.json"))
SCRAPE_EVERY = "1s"
RATE_OVER = "1h"  # so that what was done is in it, however long the tests take
RUNS = 5

PROGRAM = """
from pathlib import Path

from penstock import operator, workflow


@operator(cpu=0.1, memory=0)
def double(x: int) -> int:
    return 2 * x


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.1)
def second_time(mark: str) -> int:
    if Path(mark).exists():
        return 1
    Path(mark).touch()
    raise RuntimeError("not the first time")


@operator(cpu=0.1, memory=0)
def refuse(x: int) -> int:
    raise ValueError(f"no {x}")


@workflow
def fine(x: int) -> int:
    return double(double(x))


@workflow
def retried(mark: str) -> int:
    return double(second_time(mark))


@workflow
def failing() -> int:
    return refuse(double(1))
"""


@dataclass
class Live:
    """The suite and the Prometheus that scrapes it."""

    suite: Topology
    address: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of one call of its API."""
        url = f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=WAIT_S) as response:
            return json.load(response)["data"]

    def values(self, expr: str) -> list[float]:
        """Return the numbers that a query answers, without those that are not a number."""
        results = self.get("query", query=expr)["result"]
        values = [float(one["value"][1]) for one in results]
        return [value for value in values if not math.isnan(value)]

    @property
    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    @property
    def names(self) -> set[str]:
        """The metrics of which there are numbers."""
        return set(self.get("label/__name__/values"))


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    # A folder that the unprivileged account of Postgres can reach, with a path short enough for its socket.
    folder = Path(tempfile.mkdtemp(prefix="penstock-live-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        otlp = {"PENSTOCK_OTLP": stack.enter_context(listening(Collector())).address}
        suite = stack.enter_context(
            Topology(folder / "suite", file=ROOT / "docker-compose.yml", cpu=2, extra=otlp, encrypted=True, access=True)
        )
        found = Live(suite, f"{HOST}:{choose_port(0)}")
        log = stack.enter_context((folder / "prometheus.log").open("wb"))
        command = [program("prometheus"), f"--config.file={configured(suite, folder)}"]
        command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={found.address}"]
        prometheus = subprocess.Popen(command, stdout=log, stderr=log)
        stack.callback(prometheus.wait)
        stack.callback(prometheus.kill)
        targets = len(suite.instances)
        wait_for(lambda: answered(found, "count(up == 1)") == [targets] or prometheus.poll())
        assert prometheus.poll() is None, (folder / "prometheus.log").read_text()
        stack.callback(tls.choose, tls.chosen())
        tls.choose(suite.tls)
        work(suite, folder)
        for count in (1, 2):  # a rate needs two scrapes that differ
            url = f"http://{suite.instances['gateway'].http}/v1/runs"
            assert suite.admin_token is not None
            token = {"Authorization": f"Bearer {suite.admin_token.read_text()}"}
            request = urllib.request.Request(url, headers=token)
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                assert len(json.load(answer)["runs"]) == 3 * RUNS
            wait_for(lambda count=count: found.values("sum(penstock_http_requests_total)") == [count])
        wait_for(lambda: found.values('sum(penstock_runs_ended_total{state="failed"})') == [RUNS])
        yield found


def configured(suite: Topology, folder: Path) -> Path:
    """Write the committed configuration with the addresses of this machine."""
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] = {"scrape_interval": SCRAPE_EVERY, "evaluation_interval": SCRAPE_EVERY}
    config["rule_files"] = [str(RULES)]
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": targets}]}
        for job in config["scrape_configs"]
        if (targets := [one.metrics for name, one in suite.instances.items() if name == job["job_name"]])
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def answered(live: Live, expr: str) -> list[float]:
    try:
        return live.values(expr)
    except OSError:
        return []


def work(suite: Topology, folder: Path) -> None:
    """Run workflows that succeed, that succeed at their second attempt, and that fail."""
    path = folder / "program.py"
    path.write_text(PROGRAM)
    fine, retried, failing = (load_workflow(f"{path}:{name}") for name in ("fine", "retried", "failing"))
    with Client(suite.address, token="") as nobody, pytest.raises(Refused):
        nobody.list()
    with Client(suite.address, token=suite.token()) as client:
        for number in range(RUNS):
            assert client.result(client.submit(fine, x=number), timeout_s=WAIT_S) == 4 * number
            assert client.result(client.submit(retried, mark=str(folder / f"mark-{number}")), timeout_s=WAIT_S) == 2
            with pytest.raises(RunFailed):
                client.result(client.submit(failing), timeout_s=WAIT_S)


def test_every_process_is_scraped(live: Live) -> None:
    scraped = {one["labels"]["job"] for one in live.get("targets")["activeTargets"] if one["health"] == "up"}
    assert scraped == set(live.suite.instances)


def test_names_and_texts_are_as_prometheus_wants_them(live: Live) -> None:
    for instance in live.suite.instances.values():
        with urllib.request.urlopen(f"http://{instance.metrics}/metrics", timeout=WAIT_S) as response:
            checked = promtool("check", "metrics", stdin=response.read().decode())
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), instance.name


def test_every_metric_is_measured_by_some_process(live: Live) -> None:
    wanted = {one.name + ("_count" if one.kind == "histogram" else "") for one in declared()}
    wait_for(lambda: wanted <= live.names)


def queries() -> Iterator[tuple[str, str]]:
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']} {target['refId']}", target["expr"]


@pytest.mark.parametrize("expr", [pytest.param(expr, id=name) for name, expr in queries()])
def test_a_panel_shows_something(live: Live, expr: str) -> None:
    wait_for(lambda: live.values(expr.replace("$__rate_interval", RATE_OVER)))


def test_every_alert_is_evaluated_and_its_metrics_exist(live: Live) -> None:
    (wanted,) = yaml.safe_load(RULES.read_text())["groups"]
    wait_for(lambda: all(rule["health"] != "unknown" for rule in live.rules))
    rules = live.rules
    assert [rule["name"] for rule in rules] == [rule["alert"] for rule in wanted["rules"]]
    for rule in rules:
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
        assert set(re.findall(r"\bpenstock_\w+", rule["query"])) <= live.names, rule["name"]


def test_a_healthy_suite_alerts_nobody(live: Live) -> None:
    assert live.values('ALERTS{alertstate="firing"}') == []
