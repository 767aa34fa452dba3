-- migrate:up

-- The delays and durations in a checkpoint are counted from here.
ALTER TABLE checkpoints ADD COLUMN written_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- Lists of open, failed and cancelled runs, which are few among those that succeeded.
CREATE INDEX runs_open ON runs (submitted_at DESC, run_id DESC) WHERE state < 3;
CREATE INDEX runs_failed ON runs (submitted_at DESC, run_id DESC) WHERE state = 4;
CREATE INDEX runs_cancelled ON runs (submitted_at DESC, run_id DESC) WHERE state = 5;

-- Runs by the last digits of their ids; by the first ones, the primary key finds them.
CREATE INDEX runs_id_end ON runs (reverse(right(run_id::text, 12)) text_pattern_ops);

-- migrate:down

DROP INDEX runs_id_end, runs_cancelled, runs_failed, runs_open;
ALTER TABLE checkpoints DROP COLUMN written_at;
