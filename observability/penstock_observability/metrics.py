"""Every metric of the suite, in one place: names, units and labels.

Counters and histograms change once a batch, never once an event. What is state anyway is looked up when it is scraped.
"""

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import Counter, Histogram, disable_created_metrics, start_http_server

from .scraped import Scraped

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# In which whoever connects has to ask, and to take the answer: each of them costs a thread.
REQUEST_S_MAX: Final = 10.0
ROWS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)

# State Tracker
COMMIT_SECONDS: Final = Histogram(
    "penstock_commit_duration_seconds", "From a batch's first round trip until it is committed.", buckets=SECONDS
)
COMMIT_EVENTS: Final = Histogram("penstock_commit_batch_events", "Events in one commit.", buckets=ROWS)
COMMIT_QUEUE: Final = Scraped("penstock_commit_queue_events", "Events decided and not yet committed.")
EVENTS: Final = Counter("penstock_events", "Events committed, by kind.", ["kind"])
RUNS_ENDED: Final = Counter("penstock_runs_ended", "Runs that ended, by state.", ["state"])
OPEN_RUNS: Final = Scraped("penstock_open_runs", "Runs that have not ended.")
IDLE_RUN_SECONDS: Final = Scraped(
    "penstock_oldest_idle_run_seconds",
    "Longest time that an open run has had neither an event nor a running action nor a delay before a retry.",
    combine="max",
)
REPORTS_SETTLED: Final = Counter("penstock_reports_settled", "Reports that meant nothing to the log.")
REPORTS_DROPPED: Final = Scraped(
    "penstock_reports_dropped_total", "Reports that were not looked at, by reason; they come again.", ["reason"],
    kind="counter",
)  # fmt: skip
ATTEMPTS_FAILED: Final = Counter("penstock_attempts_failed", "Attempts that failed, by cause.", ["cause"])
SHARDS: Final = Scraped("penstock_shards", "Shards of the deployment.", combine="max")
SHARDS_OWNED: Final = Scraped("penstock_shards_owned", "Shards whose lease is held here.")
SHARD_EVENTS: Final = Scraped(
    "penstock_shard_events_total", "Events in the log of each shard that is owned here.", ["shard"], kind="counter"
)
DATABASE_UP: Final = Scraped(
    "penstock_database_up", "1 while the databases answer, in time for the leases.", combine="min"
)
REBUILD_SECONDS: Final = Histogram(
    "penstock_shard_rebuild_duration_seconds",
    "From when shards were taken until their state was known again, a group of shards at a time.",
    buckets=SECONDS,
)

# gRPC servers
RPC_SECONDS: Final = Histogram(
    "penstock_rpc_duration_seconds",
    "Calls answered, by method; for as long as they took, but for those that stream their answer.",
    ["method"],
    buckets=SECONDS,
)
RPC_FAILED: Final = Counter("penstock_rpc_failed", "Calls that were answered with an error.", ["method", "code"])

# Following, streams
FOLLOWER_LAG: Final = Scraped(
    "penstock_follower_lag_events",
    "Known positions that are not taken yet, by topic and shard.",
    ["topic", "shard"],
    combine="max",
)
FOLLOWER_LOADING: Final = Scraped(
    "penstock_follower_loading_shards", "Shards that a follower has no state of, by topic.", ["topic"], combine="max"
)
FOLLOWER_READS: Final = Counter(
    "penstock_follower_reads", "Ranges read from upstream: the stream lacked them.", ["topic"]
)
FOLLOWER_LOADS: Final = Counter("penstock_follower_loads", "Snapshots of a shard read from upstream.", ["topic"])
STREAM_QUEUED: Final = Scraped("penstock_stream_queued_messages", "Messages that wait for the broker.", ["topic"])
STREAM_DROPPED: Final = Scraped(
    "penstock_stream_dropped_messages_total", "Messages dropped at the stream's bound.", kind="counter"
)
STREAM_CONNECTED: Final = Scraped("penstock_stream_connected", "1 while the broker answers.", combine="min")
DEAD_LETTERS: Final = Scraped(
    "penstock_dead_letters_total", "Records put on the dead-letter topic by this process.", kind="counter"
)

# Action Service, each by pool
QUEUED: Final = Scraped("penstock_queued_actions", "Actions that could start if there was room.", ["pool"])
QUEUED_SECONDS: Final = Scraped(
    "penstock_oldest_queued_seconds",
    "For how long the action that waits longest could have started.",
    ["pool"],
    combine="max",
)
DELAYED: Final = Scraped("penstock_delayed_actions", "Actions that wait for the delay before their retry.", ["pool"])
GRANTED: Final = Scraped("penstock_granted_actions", "Actions that a worker holds.", ["pool"])
TEAM_QUEUED: Final = Scraped(
    "penstock_team_queued_actions",
    "Queued actions of the teams that have most, `-` is of no team; all others together are team `...`.",
    ["pool", "team"],
)
WORKERS: Final = Scraped("penstock_workers", "Workers that are connected, or may come back.", ["pool"])
CPU_CAPACITY: Final = Scraped("penstock_pool_cpu_cores", "Cores of the workers.", ["pool"])
CPU_USED: Final = Scraped("penstock_pool_used_cpu_cores", "Cores that running actions hold.", ["pool"])
GPU_CAPACITY: Final = Scraped("penstock_pool_gpus", "GPUs of the workers.", ["pool"])
GPU_USED: Final = Scraped("penstock_pool_used_gpus", "GPUs that running actions hold.", ["pool"])
MEMORY_CAPACITY: Final = Scraped("penstock_pool_memory_bytes", "Memory of the workers.", ["pool"])
MEMORY_USED: Final = Scraped("penstock_pool_used_memory_bytes", "Memory that running actions hold.", ["pool"])
GRANTS: Final = Counter("penstock_grants", "Grants given.", ["pool"])
LOST: Final = Counter("penstock_actions_lost", "Actions that were lost with their worker.", ["pool"])

# Workers
WORKER_CONNECTED: Final = Scraped(
    "penstock_worker_connected", "1 while the worker's stream to the Action Service is open.", combine="min"
)
WORKER_RUNNING: Final = Scraped("penstock_worker_running_actions", "Actions handed to the executor.")
WORKER_WAITING: Final = Scraped("penstock_worker_waiting_actions", "Actions that wait in the worker for their turn.")
WORKER_UNRECORDED: Final = Scraped(
    "penstock_worker_unrecorded_actions", "Actions that have ended, and whose end is not known to be recorded."
)
WORKER_ENDED: Final = Counter("penstock_worker_ended_actions", "Actions that ended in this worker.", ["outcome"])

# Artifact store
ARTIFACT_BYTES: Final = Counter("penstock_artifact_bytes", "Bytes of artifacts, by `put` and `get`.", ["direction"])
ARTIFACT_DISK: Final = Scraped(
    "penstock_artifact_disk_bytes", "Size of the disk that holds the artifacts.", combine="max"
)
ARTIFACT_FREE: Final = Scraped("penstock_artifact_disk_free_bytes", "What of that disk is free.", combine="min")

# One hop, stage by stage
STAGE_SECONDS: Final = Histogram(
    "penstock_stage_duration_seconds",
    "Where the time of an action goes: queue (ready until granted), worker (granted until reported), record (a report "
    "came until it is committed), unlock (a commit was heard of until what follows is published). Samples.",
    ["stage"],
    buckets=SECONDS,
)

# Tracer
SPANS: Final = Counter(
    "penstock_tracer_spans", "Spans that the collector took, and that it did not take and are tried again.", ["outcome"]
)


def serve(port: int, address: str = "127.0.0.1") -> tuple[int, Callable[[], None]]:
    """Answer /metrics in Prometheus' text format, from a thread of its own; return the port and what ends it.

    Raises:
        OSError: The port is taken.
    """
    disable_created_metrics()
    server, thread = start_http_server(port, address)
    handler: Any = server.RequestHandlerClass
    handler.timeout = REQUEST_S_MAX

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop
