"""What the doctor says of facts: plain values in, findings out."""

import uuid
from collections.abc import Callable

import pytest
from penstock.doctor.facts import Access, Disk, Facts, Gateway, Kind, Process
from penstock.doctor.findings import Severity
from penstock.doctor.rules import judge
from penstock_proto.action_service.v1 import service_pb2 as actions
from penstock_proto.state_tracker.v1 import diagnosis_pb2 as diagnosis
from penstock_proto.state_tracker.v1.service_pb2 import InfoResponse

SHARDS = 8
STUCK_AFTER_S = 60.0
RUN = uuid.UUID(int=7)


def healthy() -> Facts:
    """A deployment with nothing wrong with it."""
    heads = dict.fromkeys(range(SHARDS), 10)
    broker = diagnosis.BrokerHealth(address="k:9092", connected=True)
    for name in ("events", "actions", "reports", "dead-letter"):
        broker.topics.add(name=f"penstock.{name}", partitions=16, configs={"retention.ms": "604800000"})
    database = diagnosis.DatabaseHealth(name="db:5432/penstock", version="18.1 (Debian)")
    database.settings.update({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})
    for shard in range(SHARDS):
        database.shards.add(shard=shard, owner="one", address="t:7733", seq=10)
    tracker = Process(Kind.STATE_TRACKER, "t:7733", serving=True, heads=heads, later_heads=heads)
    tracker.diagnosis = diagnosis.DiagnoseResponse(instance="one", databases=[database], broker=broker)
    manager = Process(Kind.DEPENDENCY_MANAGER, "d:7734", serving=True, heads=heads, later_heads=heads)
    others = [
        Process(Kind.ACTION_SERVICE, "a:7735", serving=True),
        Process(Kind.ARTIFACT_STORE, "s:7736", serving=True),
    ]
    return Facts(
        "1",
        [tracker, manager, *others],
        info=InfoResponse(version="1", shards=SHARDS),
        pools=[actions.Pool(pool="default", workers=1)],
        workers=[actions.Worker(worker="w", pool="default", version="1")],
        disks=[Disk("/data", 100 * 2**30, 50 * 2**30)],
        store_trouble="",
    )


def tracker(facts: Facts) -> Process:
    return facts.processes[0]


def told(facts: Facts) -> diagnosis.DiagnoseResponse:
    found = tracker(facts).diagnosis
    assert found is not None
    return found


def silent(facts: Facts) -> None:
    facts.processes[1].trouble = "connection refused"


def not_ready(facts: Facts) -> None:
    facts.processes[2].serving = False


def another_version(facts: Facts) -> None:
    facts.workers[0].version = "2"


def fsync_off(facts: Facts) -> None:
    told(facts).databases[0].settings["fsync"] = "off"


def database_away(facts: Facts) -> None:
    told(facts).databases[0].CopyFrom(diagnosis.DatabaseHealth(name="db", error="refused"))


def old_postgres(facts: Facts) -> None:
    told(facts).databases[0].version = "13.4"


def free_shard(facts: Facts) -> None:
    told(facts).databases[0].shards[3].owner = ""


def owner_silent(facts: Facts) -> None:
    tracker(facts).later_heads = {shard: 10 for shard in range(SHARDS) if shard != 3}


def two_owners(facts: Facts) -> None:
    facts.processes.append(Process(Kind.STATE_TRACKER, "u:7733", serving=True, later_heads={3: 10}))


def broker_away(facts: Facts) -> None:
    told(facts).broker.error = "refused"


def topic_missing(facts: Facts) -> None:
    del told(facts).broker.topics[0]


def short_retention(facts: Facts) -> None:
    told(facts).broker.topics[0].configs["retention.ms"] = "1000"


def garbage(facts: Facts) -> None:
    told(facts).broker.dead_letters = 4


def clock_ahead(facts: Facts) -> None:
    told(facts).databases[0].ahead_s = 7.0


def store_full(facts: Facts) -> None:
    facts.store_trouble = "RESOURCE_EXHAUSTED: the disk is full"


def disk_low(facts: Facts) -> None:
    facts.disks[0].free_bytes = 5 * 2**30


def disk_full(facts: Facts) -> None:
    facts.disks[0].free_bytes = 2**20


def scratch_full(facts: Facts) -> None:
    facts.disks[0].scratch_bytes = 11 * 2**30


def worker_gone(facts: Facts) -> None:
    facts.pools[0].workers = 0
    facts.pools[0].queued = 12


def idle_pool(facts: Facts) -> None:
    facts.pools[0].workers = 0


def behind(facts: Facts) -> None:
    facts.processes[1].later_heads = {**dict.fromkeys(range(SHARDS), 10), 2: 4}


def not_followed(facts: Facts) -> None:
    facts.processes[1].later_heads = {shard: 10 for shard in range(SHARDS) if shard != 2}


def one_hot(facts: Facts) -> None:
    later = {shard: 110 for shard in range(SHARDS)} | {5: 3010}
    tracker(facts).later_heads = facts.processes[1].later_heads = later


def stuck(facts: Facts) -> None:
    told(facts).idle_runs.add(run_id=RUN.bytes, plan_name="m:w", idle_s=99.0)
    facts.why[RUN] = []


def waiting(facts: Facts) -> None:
    stuck(facts)
    facts.why[RUN] = [("train", "needs 1 GPU; no worker in pool default has one")]


CASES: list[tuple[Callable[[Facts], None], str, Severity, str]] = [
    (silent, "services", Severity.ERROR, "Dependency Manager at d:7734 does not respond: connection refused"),
    (not_ready, "services", Severity.ERROR, "Action Service at a:7735 responds, but is not ready"),
    (another_version, "workers", Severity.WARNING, "w runs a version other than 1"),
    (fsync_off, "databases", Severity.ERROR, "fsync is off"),
    (database_away, "databases", Severity.ERROR, "db does not respond: refused"),
    (old_postgres, "databases", Severity.WARNING, "is Postgres 13.4"),
    (free_shard, "shards", Severity.ERROR, "no State Tracker owns shard 3"),
    (owner_silent, "shards", Severity.ERROR, "one owns shard 3, but does not respond"),
    (two_owners, "shards", Severity.WARNING, "two State Trackers claim shard 3"),
    (broker_away, "broker", Severity.WARNING, "Kafka at k:9092 does not respond: refused"),
    (topic_missing, "broker", Severity.WARNING, "has no topic events"),
    (short_retention, "broker", Severity.WARNING, "penstock.events have a retention of less than a day"),
    (garbage, "broker", Severity.WARNING, "4 records were unreadable"),
    (clock_ahead, "clocks", Severity.WARNING, "db:5432/penstock is 7.0 s ahead"),
    (store_full, "artifacts", Severity.ERROR, "the disk is full"),
    (disk_low, "disk", Severity.WARNING, "5.0 GiB of 100.0 GiB are free at /data"),
    (disk_full, "disk", Severity.ERROR, "0.0 GiB of 100.0 GiB are free at /data"),
    (scratch_full, "disk", Severity.WARNING, "scratch folders of operators hold 11.00 GiB"),
    (worker_gone, "queues", Severity.ERROR, "12 actions wait in pool default, which has no worker"),
    (idle_pool, "queues", Severity.WARNING, "pool default has no worker"),
    (behind, "lag", Severity.WARNING, "shard 2 is 6 events behind"),
    (not_followed, "lag", Severity.ERROR, "no Dependency Manager follows 1 of 8 shards, such as 2"),
    (one_hot, "hot shards", Severity.WARNING, "shard 5 gets 81% of 3700 events/s"),
    (
        stuck,
        "stuck runs",
        Severity.ERROR,
        f"run {RUN} of m:w has made no progress for 99 s, and no Action Service holds its actions",
    ),
    (waiting, "stuck runs", Severity.WARNING, "train needs 1 GPU; no worker in pool default has one"),
]


def test_nothing_is_said_against_a_healthy_deployment() -> None:
    found = judge(healthy(), STUCK_AFTER_S)
    assert {finding.severity for finding in found} == {Severity.OK}
    assert {finding.check for finding in found} >= {"services", "databases", "shards", "broker", "clocks", "artifacts"}
    assert {finding.check for finding in found} >= {"disk", "workers", "queues", "lag", "stuck runs"}


@pytest.mark.parametrize(("harm", "check", "severity", "text"), CASES, ids=[harm.__name__ for harm, *_ in CASES])
def test_what_is_wrong_is_found(harm: Callable[[Facts], None], check: str, severity: Severity, text: str) -> None:
    facts = healthy()
    harm(facts)
    (found,) = [finding for finding in judge(facts, STUCK_AFTER_S) if text in finding.text]
    assert (found.check, found.severity) == (check, severity)
    assert found.remedy


def test_a_deployment_that_does_not_answer_is_one_error() -> None:
    facts = Facts("1", [Process(Kind.STATE_TRACKER, "t:7733", trouble="connection refused")])
    (found,) = judge(facts, STUCK_AFTER_S)
    assert found.severity is Severity.ERROR


DAY_S = 86_400


def test_access_certificates_and_the_gateway_are_judged() -> None:
    def said(**facts: object) -> set[str]:
        found = healthy()
        for name, value in facts.items():
            setattr(found, name, value)
        checks = ("access", "certificates", "gateway")
        return {f"{one.severity} {one.text}" for one in judge(found, STUCK_AFTER_S) if one.check in checks}

    assert said() == set()
    assert said(access=Access(is_on=False)) == {
        "warning access control is off: everybody who reaches the services may do everything"
    }
    closed = said(access=Access(is_on=False), has_client_certificate=True)
    assert closed == {"ok access control is off; services require certificates of their callers"}
    day = {"is_on": True, "key_age_s": DAY_S * 1.5}
    on = "access control is on; access tokens are signed with a key that is 1 days old"
    assert said(access=Access(**day)) == {f"ok {on}"}
    assert said(access=Access(**day, ahead_s=-12.0, provider="https://id", provider_trouble="refused")) == {
        f"ok {on}",
        "error the clock of the authority is 12 s behind: its tokens may be refused",
        "warning the identity provider does not respond here: refused",
    }
    (old,) = said(access=Access(is_on=True, key_age_s=200 * DAY_S))
    assert old.startswith("warning") and "200 days" in old
    assert said(access=Access(is_on=True, trouble="refused")) == {"error the authority does not respond: refused"}
    assert said(certificates_left_s={"a:1": 9 * DAY_S, "b:2": 30 * DAY_S}) == {"ok all 2 are valid for 9 days or more"}
    assert said(certificates_left_s={"a:1": 2 * DAY_S, "b:2": 30 * DAY_S}) == {
        "warning the certificate at a:1 expires in 48 hours"
    }
    assert said(gateway=Gateway("https://g")) == {"ok the gateway at https://g is healthy"}
    away = said(gateway=Gateway("https://g", "it answers 503"))
    assert away == {"error the gateway at https://g does not respond: it answers 503"}
