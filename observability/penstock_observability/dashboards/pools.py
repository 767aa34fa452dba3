"""The dashboard of pools and their workers."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import Panel, dashboard, lines, number, quantile, rate


def pools() -> Dashboard:
    return dashboard(
        "pools",
        "Penstock: pools and workers",
        "Capacity, usage and queues.",
        {
            "Now": [
                number("Workers", "sum(penstock_workers)"),
                number("Queued actions", "sum(penstock_queued_actions)"),
                number("Longest wait", "max(penstock_oldest_queued_seconds)", unit="s"),
                number("Cores used", f"{_sum('used_cpu_cores')} / ({_sum('cpu_cores')} > 0)", unit="percentunit"),
                number(
                    "Memory used", f"{_sum('used_memory_bytes')} / ({_sum('memory_bytes')} > 0)", unit="percentunit"
                ),
                number("GPUs used", _sum("used_gpus")),
            ],
            "Demand": [
                lines("Queued", {"{{pool}}": "sum by (pool) (penstock_queued_actions)"}),
                lines("Queued by team", {"{{pool}} {{team}}": "sum by (pool, team) (penstock_team_queued_actions)"}),
                lines("Longest wait", {"{{pool}}": "max by (pool) (penstock_oldest_queued_seconds)"}, unit="s"),
                lines("Time in the queue", {"p50": _in_queue(0.5), "p99": _in_queue(0.99)}, unit="s"),
                lines("Delayed before a retry", {"{{pool}}": "sum by (pool) (penstock_delayed_actions)"}),
                lines("Grants per second", {"{{pool}}": rate("penstock_grants_total", "pool")}),
            ],
            "Capacity": [
                lines("Workers", {"{{pool}}": "sum by (pool) (penstock_workers)"}),
                lines("Held by workers", {"{{pool}}": "sum by (pool) (penstock_granted_actions)"}),
                _capacity("Cores", "used_cpu_cores", "cpu_cores"),
                _capacity("GPUs", "used_gpus", "gpus"),
                _capacity("Memory", "used_memory_bytes", "memory_bytes", unit="bytes"),
                lines(
                    "Lost and preempted actions per second",
                    {
                        "lost from {{pool}}": rate("penstock_actions_lost_total", "pool"),
                        "preempted": rate('penstock_attempts_failed_total{cause="preempted"}'),
                    },
                ),
            ],
            "Workers": [
                lines("Running", {"{{instance}}": "penstock_worker_running_actions"}),
                lines("Queued in the worker", {"{{instance}}": "penstock_worker_waiting_actions"}),
                lines("Ended per second", {"{{outcome}}": rate("penstock_worker_ended_actions_total", "outcome")}),
                lines("Ended but not recorded yet", {"{{instance}}": "penstock_worker_unrecorded_actions"}),
                lines("Scratch folders", {"{{instance}}": "penstock_worker_scratch_bytes"}, unit="bytes"),
            ],
        },
    )


def _in_queue(share: float) -> str:
    return quantile(share, "penstock_stage_duration_seconds", only='{stage="queue"}')


def _sum(resource: str) -> str:
    return f"sum(penstock_pool_{resource})"


def _capacity(title: str, used: str, all_of_it: str, unit: str = "short") -> Panel:
    return lines(
        title,
        {
            "{{pool}} used": f"sum by (pool) (penstock_pool_{used})",
            "{{pool}} capacity": f"sum by (pool) (penstock_pool_{all_of_it})",
        },
        unit=unit,
    )
