-- migrate:up

CREATE SCHEMA IF NOT EXISTS penstock_history;

-- One row. Whoever writes the tables compares the generation with the one that it began with.
CREATE TABLE penstock_history.state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation bigint NOT NULL DEFAULT 1
);
INSERT INTO penstock_history.state DEFAULT VALUES;

-- How far each shard's log is in these tables: see Mark in core/runs.py.
CREATE TABLE penstock_history.positions (
    shard integer PRIMARY KEY,
    from_seq bigint NOT NULL,
    taken_seq bigint NOT NULL
);

-- Runs that have ended. Times are microseconds since 1970.
CREATE TABLE penstock_history.runs (
    run_id uuid PRIMARY KEY,
    submitted_us bigint NOT NULL,
    ended_us bigint,
    workflow text NOT NULL,
    plan bytea NOT NULL,
    team text NOT NULL,
    user_name text NOT NULL,
    caller bytea NOT NULL,
    options bytea NOT NULL,
    state smallint NOT NULL,
    shard integer NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    nodes integer NOT NULL,
    running integer NOT NULL,
    succeeded integer NOT NULL,
    failed integer NOT NULL,
    skipped integer NOT NULL,
    cancelled integer NOT NULL,
    failed_node text NOT NULL,
    failure text NOT NULL,
    retries integer NOT NULL,
    busy_us bigint NOT NULL,
    inputs bytea NOT NULL,
    -- Packed by core/nodes.py; empty while the run is open.
    columns bytea NOT NULL
);
CREATE INDEX runs_newest ON penstock_history.runs (submitted_us DESC, run_id DESC);
CREATE INDEX runs_workflow ON penstock_history.runs (workflow, submitted_us DESC, run_id DESC);
CREATE INDEX runs_team ON penstock_history.runs (team, submitted_us DESC, run_id DESC);
CREATE INDEX runs_user ON penstock_history.runs (user_name, submitted_us DESC, run_id DESC);
CREATE INDEX runs_state ON penstock_history.runs (state, submitted_us DESC, run_id DESC);
CREATE INDEX runs_id_end ON penstock_history.runs (reverse(right(run_id::text, 12)) text_pattern_ops);

-- Runs that have not ended: few beside the others, changed often, listed together with them.
CREATE TABLE penstock_history.open_runs (LIKE penstock_history.runs, PRIMARY KEY (run_id)) WITH (fillfactor = 50);

CREATE TABLE penstock_history.labels (
    name text NOT NULL,
    value text NOT NULL,
    submitted_us bigint NOT NULL,
    run_id uuid NOT NULL,
    PRIMARY KEY (name, value, submitted_us, run_id)
);

-- Names of workflows that ever ran, for searches by a part of one.
CREATE TABLE penstock_history.workflows (workflow text PRIMARY KEY);

-- Figures by day, for runs (operator '') and for nodes. Days are counted from 1970-01-01, UTC.
CREATE TABLE penstock_history.figures (
    day integer NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    operator text NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    skipped bigint NOT NULL,
    retries bigint NOT NULL,
    busy_us bigint NOT NULL,
    PRIMARY KEY (day, workflow, team, operator)
);

-- Durations of what succeeded: see core/buckets.py.
CREATE TABLE penstock_history.durations (
    day integer NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    operator text NOT NULL,
    bucket smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (day, workflow, team, operator, bucket)
);

-- migrate:down

DROP SCHEMA penstock_history CASCADE;
