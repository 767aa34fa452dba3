"""What a State Tracker says of what it stands on."""

import pytest
from penstock_proto.state_tracker.v1 import diagnosis_pb2
from penstock_state_tracker.api.diagnosis import name_of

from tests.state_tracker.proxy import proxied
from tests.state_tracker.running import SHARDS, Running, chain, new_id, running, started, succeeded


async def diagnose(tracker: Running) -> diagnosis_pb2.DiagnoseResponse:
    return await tracker.stub.Diagnose(diagnosis_pb2.DiagnoseRequest())


async def test_owners_settings_and_runs_that_wait(database_url: str) -> None:
    async with running(database_url, owner="one") as tracker:
        plan = chain(2)
        await tracker.put(plan)
        waits, runs = new_id(), new_id()
        for run_id in (waits, runs):
            await tracker.submit(plan, run_id)
        await tracker.report(succeeded(waits, 0), started(runs, 0))
        answer = await diagnose(tracker)
        assert answer.instance == "one"
        assert not answer.HasField("broker")
        assert [(run.run_id, run.plan_name) for run in answer.idle_runs] == [(waits, "m:w")]
        (database,) = answer.databases
        assert database.version.startswith("18.")
        assert database.settings["fsync"] == "off"  # as the tests' server is set up
        assert [shard.shard for shard in database.shards] == list(range(SHARDS))
        assert {shard.owner for shard in database.shards} == {"one"}


async def test_a_database_that_is_away_is_said_and_the_rest_is_told(database_url: str) -> None:
    async with proxied(database_url) as (url, proxy), running(url) as tracker:
        proxy.down = True
        proxy.cut_all()
        answer = await diagnose(tracker)
        (database,) = answer.databases
        assert database.error
        assert not database.shards
        proxy.down = False


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://me:secret@db.example:5432/penstock?sslmode=require", "db.example:5432/penstock"),
        ("postgresql:///penstock?host=/var/run&password=secret", "penstock"),
    ],
)
def test_a_database_is_named_without_what_is_secret(url: str, name: str) -> None:
    assert name_of(url) == name
