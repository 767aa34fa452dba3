"""Orders gather while a worker's stream is busy, and mean the same as one after the other."""

from penstock_action_service.api.order_queue import WAITING_MAX, Outgoing
from penstock_proto.action_service.v1.worker_pb2 import Grant, Orders
from penstock_proto.wire import MESSAGE_BYTES_MAX


def orders(recorded: tuple[int, ...] = (), stop: tuple[int, ...] = (), grants: tuple[int, ...] = ()) -> Orders:
    return Orders(recorded=recorded, stop=stop, grants=[Grant(grant=grant) for grant in grants])


async def sent(*waiting: Orders) -> list[Orders]:
    outgoing = Outgoing()
    assert all(outgoing.send(one) for one in waiting)
    outgoing.close()
    return [message async for message in outgoing.messages()]


async def test_what_gathers_goes_together() -> None:
    assert await sent(orders((1,), (), (2,)), orders((3,), (4,), (5, 6))) == [orders((1, 3), (4,), (2, 5, 6))]


async def test_a_grant_is_never_stopped_or_settled_before_it_comes() -> None:
    first, stop, settled = orders(grants=(1, 2)), orders(stop=(2,)), orders(recorded=(1,), grants=(3,))
    assert await sent(first, stop, settled) == [first, orders((1,), (2,), (3,))]
    assert await sent(orders(grants=(1,)), orders(grants=(2,)), orders(recorded=(2,))) == [
        orders(grants=(1, 2)),
        orders(recorded=(2,)),
    ]


async def test_messages_and_what_waits_are_bounded() -> None:
    large = Orders(grants=[Grant(grant=1, operator="x" * (MESSAGE_BYTES_MAX // 2 + 1))])
    other = Orders(grants=[Grant(grant=2, operator="x" * (MESSAGE_BYTES_MAX // 2 + 1))])
    assert await sent(large, other) == [large, other]
    outgoing = Outgoing()
    assert sum(outgoing.send(Orders(stop=[1])) for _ in range(WAITING_MAX + 5)) == WAITING_MAX
