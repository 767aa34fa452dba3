"""How many items of one map may be open at the same time: they are admitted by their numbers.

Which ones are admitted follows from which have ended, so that nothing is kept of it elsewhere.
"""

from __future__ import annotations

from array import array


class ItemLimit:
    """Of one map.

    Attributes:
        nodes: Nodes of one item.
        admitted: Items below this number may begin.
    """

    __slots__ = ("_left", "_most", "_open", "admitted", "nodes")

    def __init__(self, items: int, nodes: int, most: int) -> None:
        self.nodes = nodes
        self._left = array("I", (nodes,)) * items  # nodes of each item that have not ended
        self._most = most
        self._open = self.admitted = min(items, most)

    def end(self, item: int) -> range:
        """Count the end of one of an item's nodes; return the items that may begin for that."""
        self._left[item] -= 1
        before = self.admitted
        if not self._left[item] and item < self.admitted:
            self._open -= 1
            while self._open < self._most and self.admitted < len(self._left):
                self._open += self._left[self.admitted] > 0
                self.admitted += 1
        return range(before, self.admitted)
