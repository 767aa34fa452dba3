"""How the runs do."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import dashboard, lines, number, quantile, rate

STAGES = "penstock_stage_duration_seconds"
SUCCEEDED = 'penstock_events_total{kind="action_succeeded"}'


def overview() -> Dashboard:
    return dashboard(
        "overview",
        "Penstock: overview",
        "How the runs do.",
        {
            "Now": [
                number("Open runs", "sum(penstock_open_runs)"),
                number("Actions a second", rate(SUCCEEDED), decimals=1, text="Recorded as succeeded."),
                number("Queued actions", "sum(penstock_queued_actions)", text="They could start if there was room."),
                number("Workers", "sum(penstock_workers)"),
                number(
                    "Oldest idle run",
                    "max(penstock_oldest_idle_run_seconds)",
                    unit="s",
                    text="Nothing of it runs, and it has had no event for so long. It may be queued.",
                ),
                number("Firing alerts", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
            ],
            "Runs and actions": [
                lines("Runs that ended, a second", {"{{state}}": rate("penstock_runs_ended_total", "state")}),
                lines("Actions, a second", {"succeeded": rate(SUCCEEDED), "granted": rate("penstock_grants_total")}),
                lines(
                    "Failed attempts by cause, a second", {"{{cause}}": rate("penstock_attempts_failed_total", "cause")}
                ),
                lines("Events by kind, a second", {"{{kind}}": rate("penstock_events_total", "kind")}),
            ],
            "One hop: from an action's end until the next one's": [
                lines("Each stage, p50", {"{{stage}}": quantile(0.5, STAGES, "stage")}, unit="s", text=STAGE_TEXT),
                lines("Each stage, p99", {"{{stage}}": quantile(0.99, STAGES, "stage")}, unit="s", text=STAGE_TEXT),
            ],
        },
    )


STAGE_TEXT = (
    "record: a report came until it is committed. unlock: a commit was heard of until what follows is published. "
    "queue: ready until granted. worker: granted until its end was reported, with the operator's own time."
)
