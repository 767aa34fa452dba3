"""Alerts: that they fire when they should, and only then, by promtool; that each has its page in the runbook."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability.programs import promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "observability" / "rules" / "penstock.yml"
RUNBOOK = ROOT / "docs" / "operations.md"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
# Each step is a minute.
ONE = "job='a', instance='a:1'"


@dataclass(frozen=True)
class Case:
    """Series that make an alert fire at `at`, similar ones that do not, and what it then says.

    Attributes:
        fires, quiet: Series -> values, as promtool writes them.
    """

    fires: Mapping[str, str]
    quiet: Mapping[str, str]
    summary: str
    labels: Mapping[str, str] = field(default_factory=lambda: {"job": "a", "instance": "a:1"})
    at: str = "20m"


CASES = {
    "PenstockProcessDown": Case({f"up{{{ONE}}}": "0x20"}, {f"up{{{ONE}}}": "1x19 0"}, "a at a:1 does not respond"),
    "PenstockDatabaseAway": Case(
        {f"penstock_database_up{{{ONE}}}": "0x20"},
        {f"penstock_database_up{{{ONE}}}": "0x19 1"},
        "the State Tracker at a:1 cannot write to its database",
    ),
    "PenstockShardsWithoutOwner": Case(
        {"penstock_shards{instance='a'}": "256x20", "penstock_shards_owned{instance='a'}": "100x20"}
        | {"penstock_shards_owned{instance='b'}": "100x20"},
        {"penstock_shards{instance='a'}": "256x20", "penstock_shards_owned{instance='a'}": "156x20"}
        | {"penstock_shards_owned{instance='b'}": "100x20"},
        "56 shards have no owner: their runs are stopped",
        {},
    ),
    "PenstockRunStuck": Case(
        {"penstock_oldest_idle_run_seconds": "0+60x20"},
        {"penstock_oldest_idle_run_seconds": "0+60x20", "penstock_oldest_queued_seconds{pool='p'}": "0+60x20"},
        "an open run has had no event for 20m 0s, and none of its actions is running or queued",
        {},
    ),
    "PenstockSlowTransitions": Case(
        {"penstock_stage_duration_seconds_bucket{stage='unlock', le='2'}": "0+1x20"}
        | {"penstock_stage_duration_seconds_bucket{stage='unlock', le='+Inf'}": "0+100x20"},
        {"penstock_stage_duration_seconds_bucket{stage='worker', le='2'}": "0+1x20"}
        | {"penstock_stage_duration_seconds_bucket{stage='worker', le='+Inf'}": "0+100x20"},
        "2s pass between a report and the publication of its next actions (p99)",
        {},
    ),
    "PenstockHotShard": Case(
        {f"penstock_shard_events_total{{{ONE}, shard='7'}}": "0+12000x20", "penstock_shards": "256x20"},
        {f"penstock_shard_events_total{{{ONE}, shard='7'}}": "0+12000x20", "penstock_shards": "4x20"},
        "shard 7 takes 200 events per second, ten times its share",
        {"job": "a", "instance": "a:1", "shard": "7"},
    ),
    "PenstockCommitQueueLong": Case(
        {f"penstock_commit_queue_events{{{ONE}}}": "12000x20"},
        {f"penstock_commit_queue_events{{{ONE}}}": "12000x18 0 12000"},
        "12000 events wait to be committed at a:1; new runs are rejected from 20,000",
    ),
    "PenstockReportsDropped": Case(
        {f"penstock_reports_dropped_total{{{ONE}, reason='overloaded'}}": "0x15 5x5"},
        {f"penstock_reports_dropped_total{{{ONE}, reason='not_owned'}}": "0x15 5x5"},
        "a:1 dropped reports of workers: overloaded",
        {"job": "a", "instance": "a:1", "reason": "overloaded"},
    ),
    "PenstockFollowerLags": Case(
        {f"penstock_follower_lag_events{{{ONE}, topic='events', shard='1'}}": "2000x20"},
        {f"penstock_follower_lag_events{{{ONE}, topic='events', shard='1'}}": "2000x18 10 2000"},
        "a at a:1 is 2000 positions behind on events",
        {"job": "a", "instance": "a:1", "topic": "events"},
    ),
    "PenstockFollowerLoading": Case(
        {f"penstock_follower_loading_shards{{{ONE}, topic='actions'}}": "3x20"},
        {f"penstock_follower_loading_shards{{{ONE}, topic='actions'}}": "3x19 0"},
        "a at a:1 cannot load the state of 3 shards of actions",
        {"job": "a", "instance": "a:1", "topic": "actions"},
    ),
    "PenstockStreamAway": Case(
        {f"penstock_stream_connected{{{ONE}}}": "0x20"},
        {f"penstock_stream_connected{{{ONE}}}": "1x19 0"},
        "a at a:1 cannot reach Kafka: runs continue, but slower",
    ),
    "PenstockDeadLetters": Case(
        {f"penstock_dead_letters_total{{{ONE}}}": "0x15 2x5"},
        {f"penstock_dead_letters_total{{{ONE}}}": "2x20"},
        "a at a:1 found invalid records and moved them to the dead-letter topic",
    ),
    "PenstockCallsFail": Case(
        {f"penstock_rpc_failed_total{{{ONE}, method='S/Submit', code='INTERNAL'}}": "0x15 1x5"},
        {f"penstock_rpc_failed_total{{{ONE}, method='S/Submit', code='NOT_FOUND'}}": "0x15 1x5"},
        "S/Submit of a failed with internal errors",
        {"job": "a", "method": "S/Submit"},
    ),
    "PenstockRestFails": Case(
        {f"penstock_http_requests_total{{{ONE}, route='/v1/runs', status='503'}}": "0+2x20"}
        | {f"penstock_http_requests_total{{{ONE}, route='/v1/runs', status='200'}}": "0+100x20"},
        {f"penstock_http_requests_total{{{ONE}, route='/v1/runs', status='422'}}": "0+2x20"}
        | {f"penstock_http_requests_total{{{ONE}, route='/v1/runs', status='200'}}": "0+100x20"},
        "more than 1 % of requests to the REST API of a fail",
        {"job": "a"},
    ),
    "PenstockPoolWithoutWorkers": Case(
        {"penstock_queued_actions{pool='p'}": "3x20", "penstock_workers{pool='p'}": "0x20"},
        {"penstock_queued_actions{pool='p'}": "3x20", "penstock_workers{pool='p'}": "1x20"}
        | {"penstock_queued_actions{pool='idle'}": "0x20", "penstock_workers{pool='idle'}": "0x20"},
        "3 actions wait in pool p, which has no worker",
        {"pool": "p"},
    ),
    "PenstockQueueWaits": Case(
        {"penstock_oldest_queued_seconds{pool='p'}": "0+60x20", "penstock_workers{pool='p'}": "1x20"},
        {"penstock_oldest_queued_seconds{pool='p'}": "300x20", "penstock_workers{pool='p'}": "1x20"},
        "an action has waited 20m 0s for capacity in pool p",
        {"pool": "p"},
    ),
    "PenstockActionsLost": Case(
        {"penstock_actions_lost_total{pool='p'}": "0x19 9"},
        {"penstock_actions_lost_total{pool='p'}": "9x20"},
        "9 actions were lost with their workers in pool p; they run again",
        {"pool": "p"},
    ),
    "PenstockWorkerDisconnected": Case(
        {f"penstock_worker_connected{{{ONE}}}": "0x20"},
        {f"penstock_worker_connected{{{ONE}}}": "1x19 0"},
        "the worker at a:1 cannot reach an Action Service",
    ),
    "PenstockAttemptsFail": Case(
        {"penstock_attempts_failed_total{cause='exited'}": "0+20x20", "penstock_grants_total{pool='p'}": "0+100x20"},
        {"penstock_attempts_failed_total{cause='user'}": "0+20x20", "penstock_grants_total{pool='p'}": "0+100x20"},
        "more than 10 % of all attempts fail for reasons other than an operator's exception",
        {},
    ),
    "PenstockRegistryAway": Case(
        {f"penstock_registry_up{{{ONE}}}": "0x20"},
        {f"penstock_registry_up{{{ONE}}}": "1x20"},
        "the registry at a:1 cannot reach its database: workflows cannot be deployed or run by name",
    ),
    "PenstockCallsRefused": Case(
        {f"penstock_access_denied_total{{{ONE}, method='S/Submit'}}": "0+20x20"},
        {f"penstock_access_denied_total{{{ONE}, method='S/Submit'}}": "0+5x20"},
        "a refused 200 calls of S/Submit within 10 minutes",
        {"job": "a", "method": "S/Submit"},
    ),
    "PenstockTokensRefused": Case(
        {f"penstock_access_tokens_verified_total{{{ONE}, outcome='refused'}}": "0+20x20"},
        {f"penstock_access_tokens_verified_total{{{ONE}, outcome='accepted'}}": "0+20x20"},
        "a found 200 access tokens invalid within 10 minutes",
        {"job": "a"},
    ),
    "PenstockAuditIncomplete": Case(
        {f"penstock_access_denials_dropped_total{{{ONE}}}": "0x15 2x5"},
        {f"penstock_access_denials_dropped_total{{{ONE}}}": "2x20"},
        "a at a:1 refused calls that the audit lacks",
    ),
    "PenstockSigningKeyOld": Case(
        {"penstock_access_key_age_seconds": f"{200 * 86400}x20"},
        {"penstock_access_key_age_seconds": f"{100 * 86400}x20"},
        "the key of access tokens is 200d 0h 0m 0s old",
        {},
    ),
    "PenstockCertificateExpires": Case(
        {f"penstock_certificate_left_seconds{{{ONE}}}": "86400x20"},
        {f"penstock_certificate_left_seconds{{{ONE}}}": f"{30 * 86400}x20"},
        "the certificate of a at a:1 expires in 1d 0h 0m 0s",
    ),
    "PenstockNotificationsDead": Case(
        {"penstock_notifications_dead{instance='a'}": "3x20", "penstock_notifications_dead{instance='b'}": "2x20"},
        {"penstock_notifications_dead{instance='a'}": "0x20"},
        "3 notifications were given up: somebody does not know that a run ended",
        {},
    ),
    "PenstockNotificationsWait": Case(
        {"penstock_notifications_oldest_waiting_seconds": "0+120x20"},
        {"penstock_notifications_oldest_waiting_seconds": "0+30x20"},
        "a notification has waited for 40m 0s",
        {},
    ),
    "PenstockArtifactDiskFull": Case(
        {f"penstock_artifact_disk_free_bytes{{{ONE}}}": f"{2**30}x20"}
        | {f"penstock_artifact_disk_bytes{{{ONE}}}": f"{2**35}x20"},
        {f"penstock_artifact_disk_free_bytes{{{ONE}}}": f"{2**34}x20"}
        | {f"penstock_artifact_disk_bytes{{{ONE}}}": f"{2**35}x20"},
        "only 1GiB are free for artifacts at a:1",
    ),
    "PenstockCollectorAway": Case(
        {f"penstock_tracer_spans_total{{{ONE}, outcome='failed'}}": "0+1x20"}
        | {f"penstock_tracer_spans_total{{{ONE}, outcome='exported'}}": "7x20"},
        {f"penstock_tracer_spans_total{{{ONE}, outcome='failed'}}": "0+1x20"}
        | {f"penstock_tracer_spans_total{{{ONE}, outcome='exported'}}": "0+1x20"},
        "the tracer at a:1 cannot send its spans to the collector",
    ),
}


def test_every_alert_is_tried() -> None:
    assert set(CASES) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should(alert: str, tmp_path: Path) -> None:
    case, rule = CASES[alert], ALERTS[alert]
    expected = {
        "exp_labels": dict(case.labels) | rule["labels"],
        "exp_annotations": {"summary": case.summary, "runbook": rule["annotations"]["runbook"]},
    }
    tests = [_test(alert, case.fires, [expected], case.at), _test(alert, case.quiet, [], case.at)]
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    tried = promtool("test", "rules", str(path))
    assert tried.returncode == 0, tried.stdout + tried.stderr


def _test(alert: str, series: Mapping[str, str], expected: list[Any], at: str) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": expected}],
    }


def test_every_alert_has_its_page() -> None:
    headings = re.findall(r"^### (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {f"docs/operations.md#{heading.lower()}" for heading in headings}
    assert {rule["annotations"]["runbook"] for rule in ALERTS.values()} <= anchors
    assert {alert: rule["annotations"]["runbook"].rpartition("#")[2] for alert, rule in ALERTS.items()} == {
        alert: alert.lower() for alert in ALERTS
    }


def test_rules_and_configuration_are_as_prometheus_wants_them() -> None:
    checked = promtool("check", "config", str(ROOT / "observability" / "prometheus.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
