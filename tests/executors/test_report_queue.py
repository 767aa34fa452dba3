"""What a worker says gathers while its stream is busy, and is bounded."""

from penstock_executors.report_queue import REPORTS_A_MESSAGE, REPORTS_MAX, Outgoing
from penstock_proto.action_service.v1.worker_pb2 import ConnectRequest, Heartbeat, Register
from penstock_proto.state_tracker.v1.reports_pb2 import Report


def reports(first: int, count: int) -> list[Report]:
    return [Report(grant=grant) for grant in range(first, first + count)]


async def test_reports_that_gather_go_together_and_in_order() -> None:
    outgoing = Outgoing(ConnectRequest(register=Register(worker="w")))
    messages = outgoing.messages()
    outgoing.report(reports(1, 1))
    assert (await anext(messages)).register.worker == "w"
    outgoing.report(reports(2, 2))
    outgoing.send(ConnectRequest(heartbeat=Heartbeat()))
    assert (await anext(messages)).HasField("heartbeat")
    assert [report.grant for report in (await anext(messages)).reports.reports] == [1, 2, 3]
    outgoing.close()
    assert [message async for message in messages] == []


async def test_what_a_stream_does_not_take_is_bounded() -> None:
    outgoing = Outgoing(ConnectRequest())
    for at in range(0, REPORTS_MAX + 2_000, 1_500):
        outgoing.report(reports(at, 1_500))
    messages = outgoing.messages()
    await anext(messages)
    taken: list[int] = []
    while len(taken) < REPORTS_MAX:
        batch = (await anext(messages)).reports.reports
        assert 0 < len(batch) <= REPORTS_A_MESSAGE
        taken += [report.grant for report in batch]
    assert taken == list(range(REPORTS_MAX))
