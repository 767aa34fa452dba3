"""The logs: appending for many shards at once, reading by range, checkpoints."""
