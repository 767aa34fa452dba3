"""Orders for one worker: uncopied until they go into a message, which copies whatever is put into it."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock_proto.action_service.v1.worker_pb2 import ConnectResponse, Grant

NUMBER_BYTES_MAX = 10  # of a grant's number, encoded


@dataclass(slots=True)
class Orders:
    """What worker_pb2.Orders says: settle, stop, execute, in this order."""

    recorded: Sequence[int]
    stop: Sequence[int]
    grants: Sequence[Grant]
    grants_bytes: int = 0  # at most about so many are the grants, encoded

    @property
    def size_bytes(self) -> int:
        return self.grants_bytes + NUMBER_BYTES_MAX * (len(self.recorded) + len(self.stop))

    def message(self) -> ConnectResponse:
        """Return the orders as a message of a worker's stream."""
        response = ConnectResponse()
        orders = response.orders
        orders.recorded.extend(self.recorded)
        orders.stop.extend(self.stop)
        orders.grants.extend(self.grants)
        orders.SetInParent()
        return response


def together(first: Orders, then: Orders) -> Orders:
    """Return orders that mean the same as these two, one after the other."""
    return Orders(
        [*first.recorded, *then.recorded],
        [*first.stop, *then.stop],
        [*first.grants, *then.grants],
        first.grants_bytes + then.grants_bytes,
    )
