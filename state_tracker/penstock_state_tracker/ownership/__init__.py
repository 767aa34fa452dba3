"""Which shards this process owns, and how it rebuilds one that it takes over."""
