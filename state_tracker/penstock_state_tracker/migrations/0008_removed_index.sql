-- migrate:up

-- What was removed lately, for those who keep lists of their own.
CREATE INDEX runs_removed ON runs (removed_at) WHERE removed_at IS NOT NULL;

-- migrate:down

DROP INDEX runs_removed;
