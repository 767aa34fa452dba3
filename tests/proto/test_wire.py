"""A run's shard follows from its id alone."""

import uuid

from penstock_proto.wire import shard_of


def test_a_shard_follows_from_the_last_four_bytes() -> None:
    assert shard_of(bytes(12) + (1_000).to_bytes(4, "big"), 256) == 1_000 % 256


def test_shards_are_used_evenly() -> None:
    used = {shard_of(uuid.uuid4().bytes, 4) for _ in range(200)}
    assert used == {0, 1, 2, 3}
