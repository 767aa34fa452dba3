-- migrate:up

-- What this database is a part of: written once.
CREATE TABLE deployment (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id uuid NOT NULL,
    shards integer NOT NULL CHECK (shards BETWEEN 1 AND 65536),
    databases integer NOT NULL CHECK (databases >= 1),
    position integer NOT NULL CHECK (position >= 0 AND position < databases),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The end of each shard's log. Moving it by compare-and-set is what fences a former owner and leaves no gap.
CREATE TABLE heads (
    shard integer PRIMARY KEY CHECK (shard >= 0),
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    recorded_at timestamptz NOT NULL DEFAULT 'epoch'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Who may take over when. It only keeps owners out of each other's way: the head row decides.
CREATE TABLE leases (
    shard integer PRIMARY KEY REFERENCES heads,
    owner text NOT NULL CHECK (owner <> ''),
    address text NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- The logs. No key can span the partitions; the head row keeps (shard, seq) unique and without a gap.
CREATE TABLE events (
    shard integer NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    run_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    payload bytea NOT NULL
) PARTITION BY RANGE (recorded_at);

ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTENDED;

CREATE INDEX events_shard_seq ON events (shard, seq);

-- Whatever no daily partition covers; empty as long as partitions are made in time.
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Makes the partition of a day unless it is there.
CREATE FUNCTION make_events_partition(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'events_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;

-- One row a run for ever: answers repeated submits, get and list.
CREATE TABLE runs (
    run_id uuid PRIMARY KEY,
    shard integer NOT NULL,
    -- SHA-256 of the request: the same again gets the same answer.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    plan bytea NOT NULL CHECK (octet_length(plan) = 32),
    plan_name text NOT NULL,
    nodes integer NOT NULL CHECK (nodes >= 0),
    team text NOT NULL,
    -- Caller and RunOptions, serialised.
    caller bytea NOT NULL,
    options bytea NOT NULL,
    -- RunState: 1 running, 2 cancelling, 3 succeeded, 4 failed, 5 cancelled.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    submitted_at timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= submitted_at),
    first_seq bigint NOT NULL CHECK (first_seq >= 1),
    last_seq bigint CHECK (last_seq >= first_seq),
    CHECK ((state >= 3) = (ended_at IS NOT NULL)),
    CHECK ((state >= 3) = (last_seq IS NOT NULL))
) WITH (fillfactor = 90);

CREATE INDEX runs_submitted ON runs (submitted_at DESC, run_id DESC);
CREATE INDEX runs_team ON runs (team, submitted_at DESC, run_id DESC);
CREATE INDEX runs_plan_name ON runs (plan_name, submitted_at DESC, run_id DESC);

-- Plans by the hash of their bytes.
CREATE TABLE plans (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    nodes integer NOT NULL CHECK (nodes >= 0),
    name text NOT NULL,
    caller bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    data bytea NOT NULL
);

-- Compressing would save little and cost the loop that waits for it.
ALTER TABLE plans ALTER COLUMN data SET STORAGE EXTERNAL;

-- The open runs of a shard as of one position, in the chunks that a follower would get.
CREATE TABLE checkpoints (
    shard integer NOT NULL,
    seq bigint NOT NULL,
    chunk integer NOT NULL CHECK (chunk >= 0),
    epoch bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (shard, seq, epoch, chunk)
);

-- migrate:down

DROP TABLE checkpoints, plans, runs, events, leases, heads, deployment;
DROP FUNCTION make_events_partition(date);
