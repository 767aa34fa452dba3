"""Orders gather while a worker's stream is busy, and mean the same as one after the other."""

from penstock_action_service.api.order_queue import WAITING_MAX, Outgoing
from penstock_action_service.shell.orders import Orders
from penstock_proto.action_service.v1 import worker_pb2
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.wire import MESSAGE_BYTES_MAX

GRANT_BYTES = 3


def orders(recorded: tuple[int, ...] = (), stop: tuple[int, ...] = (), grants: tuple[int, ...] = ()) -> Orders:
    return Orders([*recorded], [*stop], [Grant(grant=grant) for grant in grants], GRANT_BYTES * len(grants))


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
    large, other = (Orders([], [], [Grant(grant=one)], MESSAGE_BYTES_MAX // 2 + 1) for one in (1, 2))
    assert await sent(large, other) == [large, other]
    outgoing = Outgoing()
    assert sum(outgoing.send(Orders([], [1], [])) for _ in range(WAITING_MAX + 5)) == WAITING_MAX


def test_a_message_to_a_worker_says_the_same() -> None:
    grants = [Grant(grant=4, node=2), Grant(grant=5, operator="o")]
    expected = worker_pb2.Orders(recorded=[1, 2**60], stop=[3], grants=grants)
    message = Orders([1, 2**60], [3], grants, sum(grant.ByteSize() for grant in grants)).message()
    assert message == worker_pb2.ConnectResponse(orders=expected)
    assert Orders([], [], []).message().WhichOneof("kind") == "orders"
