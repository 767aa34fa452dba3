"""The dashboard of the services: the log, the streams, calls, the REST API, processes."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import Panel, dashboard, lines, number, quantile, rate

COMMIT = "penstock_commit_duration_seconds"
BATCH = "penstock_commit_batch_events"


def services() -> Dashboard:
    rows = {
        "Now": _now(),
        "The log": _log(),
        "The streams": _streams(),
        "Calls": _calls(),
        "The REST API": _rest(),
        "Traces and artifacts": _outputs(),
        "Access control": _access(),
        "The registry": _registry(),
        "Notifications": _notifications(),
        "Processes": _processes(),
    }
    return dashboard("services", "Penstock: services", "The log, the streams, calls, the REST API and processes.", rows)


def _now() -> list[Panel]:
    return [
        number("Processes that respond", "count(up == 1)"),
        number("Shards without an owner", "max(penstock_shards) - sum(penstock_shards_owned)"),
        number("Shards being loaded", "max(penstock_follower_loading_shards)"),
        number("Databases up", "min(penstock_database_up)", text="1: all services reach their databases."),
        number("Kafka up", "min(penstock_stream_connected) or vector(1)", text="1: all services reach Kafka."),
        number("Largest lag", "max(penstock_follower_lag_events)", text="Positions behind, of one shard."),
    ]


def _log() -> list[Panel]:
    return [
        lines("Commit", {"p50": quantile(0.5, COMMIT), "p99": quantile(0.99, COMMIT)}, unit="s"),
        lines("Events per commit", {"p50": quantile(0.5, BATCH), "p99": quantile(0.99, BATCH)}),
        lines("Events waiting to be committed", {"{{instance}}": "penstock_commit_queue_events"}),
        lines(
            "Busiest shards, events per second",
            {"shard {{shard}}": "topk(5, rate(penstock_shard_events_total[$__rate_interval]))"},
        ),
        lines("Shards owned", {"{{instance}}": "penstock_shards_owned"}),
        lines(
            "Shard take-over",
            {
                "mean": "sum(penstock_shard_rebuild_duration_seconds_sum)"
                " / sum(penstock_shard_rebuild_duration_seconds_count)"
            },
            unit="s",
            text="Mean time to rebuild the state of a group of shards, since the processes started.",
        ),
        lines(
            "Reports without effect per second",
            {
                "ignored": rate("penstock_reports_settled_total"),
                "{{reason}}": rate("penstock_reports_dropped_total", "reason"),
            },
            text="Ignored: stale or duplicate. The others were dropped unprocessed; workers send them again.",
        ),
    ]


def _streams() -> list[Panel]:
    return [
        lines("Lag by topic", {"{{topic}}, {{job}}": "max by (topic, job) (penstock_follower_lag_events)"}),
        lines("Lag of the slowest shards", {"{{topic}} {{shard}}": "topk(5, penstock_follower_lag_events)"}),
        lines(
            "Reads that bypass the stream, per second",
            {
                "ranges of {{topic}}": rate("penstock_follower_reads_total", "topic"),
                "snapshots of {{topic}}": rate("penstock_follower_loads_total", "topic"),
            },
            text="What a follower read from the upstream service because it was missing in the stream.",
        ),
        lines("Messages queued for Kafka", {"{{topic}}": "sum by (topic) (penstock_stream_queued_messages)"}),
        lines(
            "Undelivered messages per second",
            {
                "queue full": rate("penstock_stream_dropped_messages_total"),
                "dead letters": rate("penstock_dead_letters_total"),
            },
        ),
    ]


def _calls() -> list[Panel]:
    return [
        lines("Calls per second", {"{{method}}": rate("penstock_rpc_duration_seconds_count", "method")}),
        lines("Calls, p99", {"{{method}}": quantile(0.99, "penstock_rpc_duration_seconds", "method")}, unit="s"),
        lines("Failed calls per second", {"{{method}} {{code}}": rate("penstock_rpc_failed_total", "method, code")}),
    ]


def _rest() -> list[Panel]:
    return [
        lines("Requests per second", {"{{status}} {{route}}": rate("penstock_http_requests_total", "status, route")}),
        lines("Requests, p99", {"{{route}}": quantile(0.99, "penstock_http_duration_seconds", "route")}, unit="s"),
        lines(
            "Streams of events",
            {
                "streams of {{instance}}": "penstock_http_streams",
                "runs followed by {{instance}}": "penstock_http_watched_runs",
            },
        ),
        lines(
            "Streams closed because the client was slow, per second",
            {"{{instance}}": "rate(penstock_http_lagged_total[$__rate_interval])"},
        ),
    ]


def _outputs() -> list[Panel]:
    return [
        lines("Spans per second", {"{{outcome}}": rate("penstock_tracer_spans_total", "outcome")}),
        lines(
            "Artifact bytes per second",
            {"{{direction}}": rate("penstock_artifact_bytes_total", "direction")},
            unit="Bps",
        ),
        lines(
            "Artifact disk",
            {"size": "penstock_artifact_disk_bytes", "free": "penstock_artifact_disk_free_bytes"},
            unit="bytes",
        ),
    ]


def _access() -> list[Panel]:
    return [
        lines(
            "Access tokens per second",
            {"{{outcome}}": rate("penstock_access_tokens_verified_total", "outcome")},
            text="Counted when a service sees a token for the first time.",
        ),
        lines(
            "Refused calls per second",
            {
                "{{method}}": rate("penstock_access_denied_total", "method"),
                "missing in the audit": rate("penstock_access_denials_dropped_total"),
            },
            text="penstock audit --what denied says who was refused, and why.",
        ),
        lines("Age of the signing key", {"age": "max(penstock_access_key_age_seconds)"}, unit="s"),
        lines("Time until certificates expire", {"{{instance}}": "penstock_certificate_left_seconds"}, unit="s"),
    ]


def _registry() -> list[Panel]:
    return [
        lines(
            "Changes of names per second",
            {"{{kind}}": rate("penstock_registry_events_total", "kind")},
            text="Versions published, types registered, aliases moved.",
        ),
        lines(
            "Registry and its followers",
            {"{{instance}}, 1 is up": "penstock_registry_up", "followers": "sum(penstock_registry_followers)"},
        ),
    ]


def _notifications() -> list[Panel]:
    return [
        lines(
            "Attempts to send per second",
            {"{{target}} {{outcome}}": rate("penstock_notification_attempts_total", "target, outcome")},
        ),
        lines(
            "Messages not delivered",
            {"waiting": "max(penstock_notifications_waiting)", "dead": "max(penstock_notifications_dead)"},
            text="Dead ones were given up: penstock notifications deliveries --state dead.",
        ),
        lines("Oldest message that waits", {"oldest": "max(penstock_notifications_oldest_waiting_seconds)"}, unit="s"),
    ]


def _processes() -> list[Panel]:
    return [
        lines("Cores", {"{{job}} {{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])"}),
        lines("Memory", {"{{job}} {{instance}}": "process_resident_memory_bytes"}, unit="bytes"),
        lines("Open files", {"{{job}} {{instance}}": "process_open_fds"}),
        lines(
            "Event loop stood still, of a second",
            {"{{job}} {{instance}}": "rate(penstock_loop_stalled_seconds_total[$__rate_interval])"},
            text="One thing kept a process busy for more than a second; its log says what. Leases are lost after 3 s.",
        ),
    ]
