"""Messages without a copy encode to the bytes of those that they stand for."""

import pytest
from penstock_proto.state_tracker.v1.events_pb2 import ActionStarted, Event, EventBatch
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch, Started
from penstock_stream.messages import EventRange, ShardReports

SIZES = (0, 1, 100, 127, 128, 16_383, 16_384, 3_000_000)  # where the length of a length grows


@pytest.mark.parametrize("shard", [0, 255, 70_000])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_events(shard: int, count: int) -> None:
    events = [
        Event(run_id=bytes(16), action_started=ActionStarted(node=size, worker="w" * size)) for size in SIZES
    ] * count
    same = EventBatch(shard=shard, epoch=3, from_seq=2**40, recorded_at_us=2**50, events=events)
    payloads = [event.SerializeToString() for event in events]
    message = EventRange(shard, 3, 2**40, 2**50, events, payloads)
    assert message.SerializeToString() == same.SerializeToString()


@pytest.mark.parametrize("shard", [0, 255, 70_000])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_reports(shard: int, count: int) -> None:
    reports = [Report(run_id=bytes(16), node=1, worker="w" * size, started=Started()) for size in SIZES] * count
    same = ReportBatch(shard=shard, reports=reports)
    assert ShardReports(shard, reports).SerializeToString() == same.SerializeToString()
