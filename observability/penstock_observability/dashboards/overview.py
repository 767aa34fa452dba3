"""The dashboard of runs and actions."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import dashboard, lines, number, quantile, rate

STAGES = "penstock_stage_duration_seconds"
SUCCEEDED = 'penstock_events_total{kind="action_succeeded"}'


def overview() -> Dashboard:
    return dashboard(
        "overview",
        "Penstock: overview",
        "State and speed of the runs.",
        {
            "Now": [
                number("Open runs", "sum(penstock_open_runs)"),
                number("Actions per second", rate(SUCCEEDED), decimals=1, text="Actions recorded as succeeded."),
                number(
                    "Queued actions", "sum(penstock_queued_actions)", text="Actions that wait only for free capacity."
                ),
                number("Workers", "sum(penstock_workers)"),
                number(
                    "Oldest idle run",
                    "max(penstock_oldest_idle_run_seconds)",
                    unit="s",
                    text="Longest time without an event or a running action. The run may be queued.",
                ),
                number("Firing alerts", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
            ],
            "Runs and actions": [
                lines("Runs ended per second", {"{{state}}": rate("penstock_runs_ended_total", "state")}),
                lines("Actions per second", {"succeeded": rate(SUCCEEDED), "granted": rate("penstock_grants_total")}),
                lines(
                    "Failed attempts per second, by cause",
                    {"{{cause}}": rate("penstock_attempts_failed_total", "cause")},
                ),
                lines("Events per second, by kind", {"{{kind}}": rate("penstock_events_total", "kind")}),
            ],
            "One hop: from the end of an action to the end of the next": [
                lines("Each stage, p50", {"{{stage}}": quantile(0.5, STAGES, "stage")}, unit="s", text=STAGE_TEXT),
                lines("Each stage, p99", {"{{stage}}": quantile(0.99, STAGES, "stage")}, unit="s", text=STAGE_TEXT),
            ],
        },
    )


STAGE_TEXT = (
    "record: report received until committed. unlock: commit received until its next actions are published. "
    "queue: ready until granted. worker: granted until reported, including the operator's own time."
)
