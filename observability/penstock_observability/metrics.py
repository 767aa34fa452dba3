"""Every metric of the suite, in one place: names, units and labels. Changed once a batch, never once an event."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ROWS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)

# State Tracker
COMMIT_SECONDS: Final = Histogram(
    "penstock_commit_duration_seconds", "From a batch's first round trip until it is committed.", buckets=SECONDS
)
COMMIT_EVENTS: Final = Histogram("penstock_commit_batch_events", "Events in one commit.", buckets=ROWS)
COMMIT_QUEUE: Final = Gauge("penstock_commit_queue_events", "Events decided and not yet committed.")
EVENTS: Final = Counter("penstock_events", "Events committed, by kind.", ["kind"])
RUNS_ENDED: Final = Counter("penstock_runs_ended", "Runs that ended, by state.", ["state"])
OPEN_RUNS: Final = Gauge("penstock_open_runs", "Runs that have not ended.")
REPORTS_SETTLED: Final = Counter("penstock_reports_settled", "Reports that meant nothing to the log.")
ATTEMPTS_FAILED: Final = Counter("penstock_attempts_failed", "Attempts that failed, by cause.", ["cause"])
SHARDS_OWNED: Final = Gauge("penstock_shards_owned", "Shards whose lease is held here.")
DATABASE_UP: Final = Gauge("penstock_database_up", "1 while the database answers.")

# Following, streams
FOLLOWER_LAG: Final = Gauge(
    "penstock_follower_lag_events", "Known positions that are not taken yet, by topic and shard.", ["topic", "shard"]
)
FOLLOWER_READS: Final = Counter(
    "penstock_follower_reads", "Ranges read from upstream: the stream lacked them.", ["topic"]
)
STREAM_DROPPED: Final = Gauge("penstock_stream_dropped_messages", "Messages dropped at the stream's bound.")
STREAM_CONNECTED: Final = Gauge("penstock_stream_connected", "1 while the broker answers.")
DEAD_LETTERS: Final = Gauge("penstock_dead_letters", "Records put on the dead-letter topic by this process.")

# Action Service
QUEUED: Final = Gauge("penstock_queued_actions", "Actions that could start if there was room, by pool.", ["pool"])
GRANTED: Final = Gauge("penstock_granted_actions", "Actions that a worker holds, by pool.", ["pool"])
WORKERS: Final = Gauge("penstock_workers", "Workers that are connected, by pool.", ["pool"])
CPU_CAPACITY: Final = Gauge("penstock_pool_cpu_cores", "Cores of a pool's workers.", ["pool"])
CPU_USED: Final = Gauge("penstock_pool_cpu_used_cores", "Cores that running actions hold.", ["pool"])
GRANTS: Final = Counter("penstock_grants", "Grants given, by pool.", ["pool"])
LOST: Final = Counter("penstock_actions_lost", "Actions that were lost with their worker, by pool.", ["pool"])

# One hop, stage by stage
STAGE_SECONDS: Final = Histogram(
    "penstock_stage_duration_seconds",
    "Where the time of an action goes: queue (ready until granted), worker (granted until reported), "
    "record (reported until committed), unlock (committed until the next are published).",
    ["stage"],
    buckets=SECONDS,
)


def serve(port: int, address: str = "127.0.0.1") -> None:
    """Answer /metrics in the Prometheus text format, from a thread of its own."""
    start_http_server(port, address)
