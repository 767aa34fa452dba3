"""What a grant brings for one execution of a node."""

from collections.abc import Sequence

from penstock_proto.value.v1.value_pb2 import Value


class Given(dict[int, Sequence[Value]]):
    """The values that the arguments use, by node, those of the run's inputs under -1; of a gather by item.

    Attributes:
        path: Of a node within maps, the number of its item in each, the outermost first.
    """

    path: Sequence[int] = ()
