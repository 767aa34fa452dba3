"""The invariants, asked of a real deployment: its database, topic and artifacts, and the effects counted outside."""

import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from penstock_artifact_store import LocalStore
from penstock_artifact_store.errors import ArtifactStoreError
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1.plan_pb2 import Plan
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.simulation import invariants
from tests.simulation.invariants import Recorded, RunOfLog, Violation, demand

from .workload import FAILED, NODES, RESULT, WORKFLOW

# Of nodes of a run that succeeded.
DONE: Final = frozenset({"succeeded", "template", "not taken"})
Logs = dict[int, list[Recorded]]
# The publisher may still have to fill what the broker lost.
TOPIC_S_MAX: Final = 60.0
TOPIC_POLL_MS: Final = 500


@dataclass(frozen=True)
class Deployment:
    """Where a deployment's truth is."""

    database_url: str
    artifacts: Path
    effects: Path
    kafka: str | None = None
    topic: str = "penstock.events"
    # Bodies of records that a fault deleted from the topic, in the order in which they were there.
    erased: Sequence[bytes] = ()


@dataclass
class Verdict:
    """What was looked at."""

    events: int = 0
    runs: int = 0
    cancelled: int = 0
    reopened: int = 0
    attempts: int = 0
    lost: int = 0
    effects: int = 0
    repeated_effects: int = 0
    records: int = 0
    repeated_records: int = 0
    artifacts: int = 0


async def check(
    deployment: Deployment, acknowledged: Iterable[bytes], cancelled: Collection[bytes] = (), *, at_rest: bool = True
) -> Verdict:
    """Check I1 to I10; raise Violation at the first that does not hold.

    Args:
        acknowledged, cancelled: Runs whose submit, and whose cancellation, a client was told of.
        at_rest: Faults are over, and all runs have ended.
    """
    connection = await asyncpg.connect(deployment.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            logs = await _logs(connection)
            plans = await _plans(connection)
            rows = await connection.fetch("SELECT run_id, state, first_seq, last_seq, ended_at FROM runs")
    finally:
        await connection.close()
    verdict = Verdict(events=sum(map(len, logs.values())))
    # I4, I6, I7, I8, I12 and what else a log alone can show
    runs = invariants.check_logs(logs.values(), plans)
    verdict.runs = len(runs)
    # I5: the log rebuilds the state, and the table of runs is what the log says
    for log in logs.values():
        invariants.check_fold(log, plans)
    _check_rows(rows, logs)
    # I2: nothing acknowledged is lost
    invariants.check_answers(runs, acknowledged, cancelled)
    # I3: no run is stuck
    if at_rest:
        invariants.check_ended(runs)
        _check_effects(deployment.effects, logs, runs, verdict)
    _check_artifacts(deployment.artifacts, logs, verdict)
    if deployment.kafka is not None and at_rest:
        await _check_topic(deployment, logs, verdict)
    return verdict


async def _logs(connection: "asyncpg.Connection[asyncpg.Record]") -> Logs:
    heads = await connection.fetch("SELECT shard, seq, epoch FROM heads ORDER BY shard")
    logs: Logs = {row["shard"]: [] for row in heads}
    query = "SELECT shard, seq, payload, extract(epoch FROM recorded_at)::float8 AS at FROM events ORDER BY shard, seq"
    async for row in connection.cursor(query):
        event = ev.Event.FromString(row["payload"])
        # Epochs are the head row's matter: an event does not carry its own.
        logs[row["shard"]].append(Recorded(row["shard"], row["seq"], 1, event, row["at"]))
    for row in heads:
        demand(
            len(logs[row["shard"]]) == row["seq"], f"shard {row['shard']}: head {row['seq']}, {len(logs[row['shard']])}"
        )
    return logs


async def _plans(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[bytes, PlanGraph]:
    rows = await connection.fetch("SELECT hash, data FROM plans")
    return {row["hash"]: PlanGraph.of(Plan.FromString(row["data"]), row["hash"]) for row in rows}


def _check_rows(rows: Iterable[Mapping[str, object]], logs: Logs) -> None:
    """Check that the table of runs holds what the log says of each."""
    told: dict[bytes, tuple[int, int, int | None]] = {}
    for log in logs.values():
        for record in log:
            event = record.event
            if event.HasField("run_submitted"):
                told[event.run_id] = (int(ev.RUN_STATE_RUNNING), record.seq, None)
            elif event.HasField("cancel_requested") and not event.cancel_requested.fail_fast:
                told[event.run_id] = (int(ev.RUN_STATE_CANCELLING), told[event.run_id][1], None)
            elif event.HasField("run_reopened"):
                told[event.run_id] = (int(ev.RUN_STATE_RUNNING), told[event.run_id][1], None)
            elif event.HasField("run_ended"):
                told[event.run_id] = (int(event.run_ended.state), told[event.run_id][1], record.seq)
    found = {row["run_id"].bytes: (row["state"], row["first_seq"], row["last_seq"]) for row in rows}  # type: ignore[attr-defined]
    for run_id in told.keys() | found.keys():
        demand(
            told.get(run_id) == found.get(run_id),
            f"run {run_id.hex()}: {told.get(run_id)} in the log, {found.get(run_id)}",
        )


def _check_effects(path: Path, logs: Logs, runs: Mapping[bytes, RunOfLog], verdict: Verdict) -> None:
    """I1: one recorded outcome per node; every outcome had its effect; the values are those that were computed."""
    ended: Counter[tuple[bytes, int]] = Counter()
    for log in logs.values():
        for record in log:
            kind = record.event.WhichOneof("kind")
            verdict.attempts += kind in ("action_succeeded", "action_failed")
            if kind == "action_succeeded":
                ended[record.event.run_id, record.event.action_succeeded.node] += 1
            elif kind == "action_failed":
                verdict.lost += record.event.action_failed.cause == ev.CAUSE_LOST
    demand(all(count == 1 for count in ended.values()), "a node succeeded twice")
    with closing(sqlite3.connect(path, timeout=60)) as database:
        rows = database.execute("SELECT key, value, count(*) FROM effects GROUP BY key, value").fetchall()
    by_key: dict[str, Counter[int]] = {}
    for key, value, count in rows:
        by_key.setdefault(key, Counter())[value] += count
    for run_id, run in runs.items():
        if WORKFLOW not in run.submitted.plan_name:
            continue  # a fault's own, which counts no effects
        key = _key(run)
        effects = by_key.get(key, Counter())
        effects.pop(FAILED, None)
        verdict.effects += effects.total()
        # One first step (1) and the artifact (1), three steps (2), the join: more where an attempt was lost.
        demand(set(effects) <= {1, 2, RESULT}, f"run {run_id.hex()} computed {effects}")
        verdict.reopened += len(run.repaired.kept)
        if run.cancelled:
            verdict.cancelled += 1
            continue
        demand(all(node.status in DONE for node in run.nodes), f"run {run_id.hex()} failed: {run.nodes}")
        demand(effects[1] >= 2 and effects[2] >= 3 and effects[RESULT] >= 1, f"run {run_id.hex()} computed {effects}")
        verdict.repeated_effects += effects.total() - NODES


def _key(run: RunOfLog) -> str:
    # Inputs are in the plan's order: path, key, pause_s.
    return run.submitted.inputs.values[1].inline.decode().strip('"')


def _check_artifacts(folder: Path, logs: Logs, verdict: Verdict) -> None:
    """I10: every artifact that an event names is there, whole."""
    store, seen = LocalStore(folder), set[bytes]()
    for log in logs.values():
        for record in log:
            for value in record.event.action_succeeded.outputs.values:
                if value.WhichOneof("body") == "artifact" and value.artifact not in seen:
                    seen.add(value.artifact)
                    _check_artifact(store, value.artifact, value.size_bytes)
    verdict.artifacts = len(seen)


def _check_artifact(store: LocalStore, artifact: bytes, size_bytes: int) -> None:
    try:
        data = store.get(artifact)
    except ArtifactStoreError as error:
        raise Violation(str(error)) from error
    demand(hashlib.sha256(data).digest() == artifact, f"artifact {artifact.hex()} is damaged")
    demand(len(data) == size_bytes, f"artifact {artifact.hex()} has another size")


async def _check_topic(deployment: Deployment, logs: Logs, verdict: Verdict) -> None:
    """I9: the topic holds every event at least once, in order, and nothing that is not in the log."""
    topic = Topic(logs)
    for body in deployment.erased:
        topic.take(body)
    partitions = await topic_partitions(deployment)
    consumer = AIOKafkaConsumer(bootstrap_servers=deployment.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        deadline = time.monotonic() + TOPIC_S_MAX
        while time.monotonic() < deadline and not (topic.complete and await _at_end(consumer, partitions)):
            for found in (await consumer.getmany(timeout_ms=TOPIC_POLL_MS)).values():
                for record in found:
                    topic.take(record.value)
    finally:
        await consumer.stop()
    for shard, log in logs.items():
        at = topic.at[shard]
        demand(at == len(log), f"shard {shard}: the topic ends at {at}, the log at {len(log)}")
    verdict.records, verdict.repeated_records = topic.records, topic.repeated


async def topic_partitions(deployment: Deployment) -> list[TopicPartition]:
    """Return the partitions of the public events."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([deployment.topic])
    finally:
        await admin.close()
    return [TopicPartition(deployment.topic, one["partition"]) for one in described["partitions"]]


async def _at_end(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> bool:
    ends = await consumer.end_offsets(partitions)
    return all([await consumer.position(one) >= ends[one] for one in partitions])


class Topic:
    """How far the topic tells each shard's log."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._epochs = dict.fromkeys(logs, 0)
        self.at = dict.fromkeys(logs, 0)
        self.records = self.repeated = 0

    @property
    def complete(self) -> bool:
        return all(self.at[shard] >= len(log) for shard, log in self._logs.items())

    def take(self, body: bytes) -> None:
        """Check one record against the log, and note what of it is new; the topic may repeat and never jump."""
        batch = ev.EventBatch.FromString(body)
        shard, log, at = batch.shard, self._logs[batch.shard], self.at[batch.shard]
        last = batch.from_seq + len(batch.events) - 1
        demand(batch.from_seq <= at + 1, f"shard {shard}: the topic jumps from {at} to {batch.from_seq}")
        demand(last <= len(log), f"shard {shard}: the topic has {last}, which the log does not")
        for seq, event in enumerate(batch.events, batch.from_seq):
            demand(event == log[seq - 1].event, f"shard {shard}/{seq}: the topic says something else")
        self.records += 1
        self.repeated += last <= at
        if last > at:
            # I7: nothing new comes from a former owner.
            demand(
                batch.epoch >= self._epochs[shard], f"shard {shard}/{last}: of epoch {batch.epoch}, after a later one"
            )
            self.at[shard], self._epochs[shard] = last, batch.epoch
