"""The limits of a plan; a larger one is rejected before it costs much."""

from penstock_proto.plan.v1.plan_pb2 import Resources

PLAN_BYTES_MAX = 64 * 2**20
NODES_MAX = 200_000
OPERATORS_MAX = 50_000
# Inputs of a plan, inputs or outputs of an operator: every run, and every call, is checked against all of them.
PORTS_MAX = 10_000
# Arguments with their items, keys and fields, of all nodes together; and as many inputs that could be given.
PARTS_MAX = 2_000_000
# Comparisons of a part with a type: a part that may be one of several types is compared with each.
COMPARISONS_MAX = 10_000
COMPARISONS_PER_PART_MAX = 4
TYPES_MAX = 2_000
TYPE_DEPTH_MAX = 32
# Members of a union, values of a literal type, fields of a record: each is compared with each.
MEMBERS_MAX = 256
NAME_LENGTH_MAX = 255
# Literals of one node: a grant carries them all.
INLINE_NODE_BYTES_MAX = 64 * 1024
RETRIES_MAX = 1_000_000
# From one retry to the next; more would be beyond every number within a few retries.
RETRY_FACTOR_MAX = 100.0
RETRY_DELAY_S_MAX = 30 * 24 * 3600.0
# The newest version of the format, which is needed where waits, static inputs, maps or branches occur; and the oldest
# that is read: plans that decide nothing as they run keep the bytes that they always had.
SCHEMA = 2
SCHEMA_MIN = 1
# Where the operators of maps, gathers and branches are said to be; nobody imports it.
CONTROL_MODULE = "penstock.control"
# Collects what has failed of a map's items, instead of a list of their results.
FAILURES = f"{CONTROL_MODULE}:failures"
# Maps within maps.
MAP_DEPTH_MAX = 8

# What an execution holds of an operator that declares no memory.
MEMORY_DEFAULT_BYTES = 512 * 2**20


def memory_limit(resources: Resources) -> int:
    """Return the bytes beyond which an execution is ended; 0: none were declared, and it may use what there is."""
    is_default = resources.memory_bytes == MEMORY_DEFAULT_BYTES and not resources.memory_is_declared
    return 0 if is_default else resources.memory_bytes
