"""The orders for a remote worker: those that arrive while a message is in flight are sent together in the next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from penstock_proto.wire import MESSAGE_BYTES_MAX

from ..shell.orders import Orders, together

WAITING_MAX = 1024  # orders that a worker has not taken yet; beyond, it is cut off and comes back


class Outgoing:
    """One stream's orders."""

    def __init__(self) -> None:
        self._orders: deque[Orders] = deque()
        self._wake = asyncio.Event()
        self._is_closed = False

    def send(self, orders: Orders) -> bool:
        """Send orders after those that wait; False if there is no room."""
        if len(self._orders) >= WAITING_MAX:
            return False
        self._orders.append(orders)
        self._wake.set()
        return True

    def close(self) -> None:
        """End `messages` after what waits."""
        self._is_closed = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[Orders]:
        """Yield what there is to send whenever the last message is on its way."""
        while True:
            if self._orders:
                yield self._gather()
            elif self._is_closed:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _gather(self) -> Orders:
        """Put together what fits into one message.

        A worker takes `recorded` first, then `stop`, then the grants: what speaks of a grant goes in a later message.
        """
        waiting = self._orders
        orders = waiting.popleft()
        if not waiting:
            return orders
        granted = {grant.grant for grant in orders.grants}
        while waiting:
            following = waiting[0]
            size = orders.size_bytes + following.size_bytes
            if size > MESSAGE_BYTES_MAX or not granted.isdisjoint((*following.recorded, *following.stop)):
                break
            granted.update(grant.grant for grant in following.grants)
            orders = together(orders, waiting.popleft())
        return orders
