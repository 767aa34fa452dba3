"""The figures as people read them, beside the gates and the peers."""

# Peers on two cores, durable, each tuned as its documentation says; see docs/performance.md.
ROWS = (
    ("chain40_hop_ms_p50", "chain of 40, a hop (p50)", "ms", "3 (goal 1.5)", "1.6 Restate, 3.6 DBOS, 28.9 Temporal"),
    ("dag6_run_ms_p50", "six-node DAG, one run at a time (p50)", "ms", "20", "15 Restate, 31 DBOS, 108 Temporal"),
    ("dag6_run_ms_p99", "six-node DAG, one run at a time (p99)", "ms", "", "28 Restate, 49 DBOS, 191 Temporal"),
    ("fanout1000_join_s", "fan-out of 1,000 and join", "s", "0.4", "1.2 Restate, 4.2 DBOS, 8.5 Temporal"),
    ("runs200x10_actions_per_s", "200 runs of 10", "actions/s", "5,000", "3,030 Restate, 276 DBOS, 104 Temporal"),
    ("runs2000x10_actions_per_s", "2,000 runs of 10", "actions/s", "5,000 (goal 10,000)", ""),
    ("fib33x10_overhead_pct", "ten fib(33) in a row, overhead", "%", "3", "0.8 Restate, 1.8 DBOS, 4.7 Temporal"),
    ("cpu_ms_per_action", "CPU an action, all processes", "ms", "", "0.53 Restate, 5.7 DBOS, 17 Temporal"),
    ("memory_mib", "memory after it, all processes", "MiB", "", "327 Restate, 320 DBOS, 1,154 Temporal"),
    ("map100k_items_per_s", "a map of 100,000 items and a join", "items/s", "80 % of 2,000 runs of 10", ""),
    ("map2x10k_pipelined_s", "two maps of 10,000, item by item, and a join", "s", "", ""),
    ("waiting10k_cpu_pct", "CPU of 10,000 runs that wait", "% of a core", "1", ""),
    ("check_10k_nodes_s", "`penstock check`, 10,000 nodes", "s", "1", ""),
    ("bytes_per_open_node", "State Tracker memory an open node", "bytes", "2,048", ""),
    ("bytes_per_open_item_state_tracker", "State Tracker memory an item that waits for a worker", "bytes", "256", ""),
    ("bytes_per_open_item_dependency_manager", "Dependency Manager memory of it", "bytes", "256", ""),
    ("bytes_per_open_item_action_service", "Action Service memory of it", "bytes", "256", ""),
    ("postgres_append_rows_per_s", "the same Postgres, appending alone", "rows/s", "", ""),
)
# Through Kafka, each service a process of its own.
KAFKA_GATES = {
    "chain40_hop_ms_p50": "10 (goal 6)",
    "runs200x10_actions_per_s": "3,000 (goal 8,000)",
    "runs2000x10_actions_per_s": "3,000 (goal 8,000)",
    "dag6_run_ms_p50": "",
    "fanout1000_join_s": "",
    "fib33x10_overhead_pct": "",
}
STAGES = "stage_"


def render(figures: dict[str, float], *, kafka: bool = False) -> str:
    """Return a Markdown table of the figures, and where the time of a hop goes."""
    lines = ["| | measured | | gate | peers |", "|---|---:|---|---|---|"]
    for key, name, unit, gate, peers in ROWS:
        if key in figures:
            gate = KAFKA_GATES.get(key, gate) if kafka else gate
            lines.append(f"| {name} | {_number(figures[key])} | {unit} | {gate} | {peers} |")
    stages = {key: value for key, value in figures.items() if key.startswith(STAGES)}
    if stages:
        lines += ["", "| where the time of a hop goes | ms (p50) |", "|---|---:|"]
        lines += [f"| {_stage(key)} | {value:.3f} |" for key, value in stages.items()]
    return "\n".join(lines)


def _stage(key: str) -> str:
    return key.removeprefix(STAGES).removesuffix("_ms").replace("_", " ")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
