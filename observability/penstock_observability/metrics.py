"""Every metric of the suite, in one place: names, units and labels.

Counters and histograms change once per batch, never once per event. Gauges of state are read when they are scraped.
"""

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import Counter, Histogram, disable_created_metrics, start_http_server

from .scraped import Scraped

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# A client must send its request and read the response within this time: each connection costs a thread.
REQUEST_S_MAX: Final = 10.0
ROWS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)

# State Tracker
COMMIT_SECONDS: Final = Histogram(
    "penstock_commit_duration_seconds", "Time from a batch's first round trip until it is committed.", buckets=SECONDS
)
COMMIT_EVENTS: Final = Histogram("penstock_commit_batch_events", "Events per commit.", buckets=ROWS)
COMMIT_QUEUE: Final = Scraped("penstock_commit_queue_events", "Events decided but not yet committed.")
EVENTS: Final = Counter("penstock_events", "Events committed, by kind.", ["kind"])
RUNS_ENDED: Final = Counter("penstock_runs_ended", "Runs that ended, by state.", ["state"])
OPEN_RUNS: Final = Scraped("penstock_open_runs", "Runs that have not ended.")
IDLE_RUN_SECONDS: Final = Scraped(
    "penstock_oldest_idle_run_seconds",
    "Longest time that an open run has been idle: no event, no running action, no delay before a retry.",
    combine="max",
)
REPORTS_SETTLED: Final = Counter("penstock_reports_settled", "Reports ignored as stale or duplicate.")
REPORTS_DROPPED: Final = Scraped(
    "penstock_reports_dropped_total", "Reports dropped unprocessed, by reason; workers send them again.", ["reason"],
    kind="counter",
)  # fmt: skip
ATTEMPTS_FAILED: Final = Counter("penstock_attempts_failed", "Attempts that failed, by cause.", ["cause"])
SHARDS: Final = Scraped("penstock_shards", "Shards of the deployment.", combine="max")
SHARDS_OWNED: Final = Scraped("penstock_shards_owned", "Shards whose lease this process holds.")
SHARD_EVENTS: Final = Scraped(
    "penstock_shard_events_total", "Events in the log of each shard that this process owns.", ["shard"], kind="counter"
)
DATABASE_UP: Final = Scraped(
    "penstock_database_up", "1 while all databases respond fast enough to renew the leases, otherwise 0.", combine="min"
)
REBUILD_SECONDS: Final = Histogram(
    "penstock_shard_rebuild_duration_seconds",
    "Time to rebuild the state of shards after a take-over, per group of shards.",
    buckets=SECONDS,
)

# Every process
LOOP_STALLS: Final = Counter(
    "penstock_loop_stalls", "Stalls of the event loop that lasted a second or longer and delayed leases."
)
LOOP_STALLED_SECONDS: Final = Counter(
    "penstock_loop_stalled_seconds", "Total duration of the stalls of the event loop."
)

# gRPC servers
RPC_SECONDS: Final = Histogram(
    "penstock_rpc_duration_seconds",
    "Duration of calls, by method; calls with a streamed response are not included.",
    ["method"],
    buckets=SECONDS,
)
RPC_FAILED: Final = Counter("penstock_rpc_failed", "Calls that failed, by method and status code.", ["method", "code"])

# Access control
ACCESS_VERIFIED: Final = Counter(
    "penstock_access_tokens_verified", "Access tokens verified for the first time, by outcome.", ["outcome"]
)
ACCESS_DENIED: Final = Counter("penstock_access_denied", "Calls that access control refused, by method.", ["method"])
ACCESS_DENIALS_DROPPED: Final = Counter(
    "penstock_access_denials_dropped", "Refused calls that the audit lacks: too many waited for the authority."
)
ACCESS_KEY_AGE: Final = Scraped(
    "penstock_access_key_age_seconds", "Age of the key that access tokens are signed with.", combine="max"
)
CERTIFICATE_LEFT: Final = Scraped(
    "penstock_certificate_left_seconds", "Time until the certificate of this process expires.", combine="min"
)

# Following, streams
FOLLOWER_LAG: Final = Scraped(
    "penstock_follower_lag_events",
    "Positions not processed yet, by topic and shard.",
    ["topic", "shard"],
    combine="max",
)
FOLLOWER_LOADING: Final = Scraped(
    "penstock_follower_loading_shards",
    "Shards whose state a follower has not loaded yet, by topic.",
    ["topic"],
    combine="max",
)
FOLLOWER_READS: Final = Counter(
    "penstock_follower_reads",
    "Ranges that were missing in the stream and were read from the upstream service.",
    ["topic"],
)
FOLLOWER_LOADS: Final = Counter(
    "penstock_follower_loads", "Snapshots of a shard read from the upstream service.", ["topic"]
)
STREAM_QUEUED: Final = Scraped("penstock_stream_queued_messages", "Messages queued for the broker.", ["topic"])
STREAM_DROPPED: Final = Scraped(
    "penstock_stream_dropped_messages_total",
    "Messages dropped because the queue of the stream was full.",
    kind="counter",
)
STREAM_CONNECTED: Final = Scraped(
    "penstock_stream_connected", "1 while the broker responds, otherwise 0.", combine="min"
)
DEAD_LETTERS: Final = Scraped(
    "penstock_dead_letters_total", "Records that this process moved to the dead-letter topic.", kind="counter"
)

# Action Service, each by pool
QUEUED: Final = Scraped("penstock_queued_actions", "Actions that wait only for free capacity.", ["pool"])
QUEUED_SECONDS: Final = Scraped(
    "penstock_oldest_queued_seconds",
    "Longest time that an action has waited for free capacity.",
    ["pool"],
    combine="max",
)
DELAYED: Final = Scraped("penstock_delayed_actions", "Actions that wait for their retry delay to pass.", ["pool"])
GRANTED: Final = Scraped("penstock_granted_actions", "Actions granted to a worker.", ["pool"])
TEAM_QUEUED: Final = Scraped(
    "penstock_team_queued_actions",
    "Queued actions of the teams with the most; `-` stands for runs without a team, `...` for all other teams.",
    ["pool", "team"],
)
WORKERS: Final = Scraped(
    "penstock_workers", "Workers that are connected, or disconnected and expected to reconnect.", ["pool"]
)
CPU_CAPACITY: Final = Scraped("penstock_pool_cpu_cores", "Cores of the workers.", ["pool"])
CPU_USED: Final = Scraped("penstock_pool_used_cpu_cores", "Cores that running actions hold.", ["pool"])
GPU_CAPACITY: Final = Scraped("penstock_pool_gpus", "GPUs of the workers.", ["pool"])
GPU_USED: Final = Scraped("penstock_pool_used_gpus", "GPUs that running actions hold.", ["pool"])
MEMORY_CAPACITY: Final = Scraped("penstock_pool_memory_bytes", "Memory of the workers.", ["pool"])
MEMORY_USED: Final = Scraped("penstock_pool_used_memory_bytes", "Memory that running actions hold.", ["pool"])
GRANTS: Final = Counter("penstock_grants", "Grants given.", ["pool"])
LOST: Final = Counter("penstock_actions_lost", "Actions lost with their worker.", ["pool"])

# Workers
WORKER_CONNECTED: Final = Scraped(
    "penstock_worker_connected", "1 while the worker is connected to the Action Service, otherwise 0.", combine="min"
)
WORKER_RUNNING: Final = Scraped("penstock_worker_running_actions", "Actions that the executor is running.")
WORKER_WAITING: Final = Scraped("penstock_worker_waiting_actions", "Actions queued in the worker.")
WORKER_UNRECORDED: Final = Scraped(
    "penstock_worker_unrecorded_actions", "Actions that have ended but are not yet confirmed as recorded."
)
WORKER_SCRATCH_BYTES: Final = Scraped(
    "penstock_worker_scratch_bytes", "Scratch folders of operators that the worker keeps, in bytes, every 30 s."
)
WORKER_ENDED: Final = Counter(
    "penstock_worker_ended_actions", "Actions that ended in this worker, by outcome.", ["outcome"]
)
WORKER_CACHE: Final = Counter(
    "penstock_worker_cached_calls",
    "Calls of operators whose results are reused: with an earlier result (`hit`), or without one (`miss`).",
    ["outcome"],
)

# Artifact store
ARTIFACT_BYTES: Final = Counter(
    "penstock_artifact_bytes", "Bytes of artifacts written (`put`) and read (`get`).", ["direction"]
)
ARTIFACT_DISK: Final = Scraped("penstock_artifact_disk_bytes", "Size of the disk of the artifact store.", combine="max")
ARTIFACT_FREE: Final = Scraped(
    "penstock_artifact_disk_free_bytes", "Free space on the disk of the artifact store.", combine="min"
)

# One hop, stage by stage
STAGE_SECONDS: Final = Histogram(
    "penstock_stage_duration_seconds",
    "Time of an action by stage: queue (ready until granted), worker (granted until reported), record (report received "
    "until committed), unlock (commit received until its next actions are published). Sampled.",
    ["stage"],
    buckets=SECONDS,
)

# Gateway
HTTP_REQUESTS: Final = Counter(
    "penstock_http_requests", "Requests to the REST API, by route, method and status.", ["route", "method", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "penstock_http_duration_seconds",
    "Duration of requests to the REST API, by route; streams last as long as they are open.",
    ["route"],
    buckets=SECONDS,
)

HTTP_STREAMS: Final = Scraped("penstock_http_streams", "Open streams of events to clients of the REST API.")
HTTP_FEEDS: Final = Scraped("penstock_http_watched_runs", "Runs that a gateway follows for its clients.")
HTTP_LAGGED: Final = Counter("penstock_http_lagged", "Streams of events that were closed because the client was slow.")

# Tracer
SPANS: Final = Counter(
    "penstock_tracer_spans",
    "Spans that the collector accepted (`exported`) or did not (`failed`); these are retried.",
    ["outcome"],
)

# Registry
REGISTRY_EVENTS: Final = Counter(
    "penstock_registry_events", "Changes of names, versions and aliases committed, by kind.", ["kind"]
)
REGISTRY_UP: Final = Scraped(
    "penstock_registry_up", "1 while the registry's database responds, otherwise 0.", combine="min"
)
REGISTRY_FOLLOWERS: Final = Scraped("penstock_registry_followers", "Calls that follow the registry's log.")
REGISTRY_UNPUBLISHED: Final = Scraped(
    "penstock_registry_unpublished_events", "Events of the registry's log that are not on the topic yet."
)

# Notifications
NOTIFICATION_ATTEMPTS: Final = Counter(
    "penstock_notification_attempts",
    "Attempts to send a notification that ended, by kind of target and outcome: delivered, failed or dead.",
    ["target", "outcome"],
)
NOTIFICATIONS_WAITING: Final = Scraped(
    "penstock_notifications_waiting", "Notifications that are not delivered yet, counted up to 10,000.", combine="max"
)
NOTIFICATIONS_DEAD: Final = Scraped(
    "penstock_notifications_dead", "Notifications that were given up, counted up to 10,000.", combine="max"
)
NOTIFICATIONS_OLDEST: Final = Scraped(
    "penstock_notifications_oldest_waiting_seconds",
    "For how long the oldest notification has waited to be delivered.",
    combine="max",
)


def serve(port: int, address: str = "127.0.0.1") -> tuple[int, Callable[[], None]]:
    """Serve /metrics in Prometheus' text format from its own thread; return the port and a function that stops it.

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
