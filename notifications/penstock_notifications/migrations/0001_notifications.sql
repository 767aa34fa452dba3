-- migrate:up

CREATE SCHEMA IF NOT EXISTS penstock_notifications;

-- Where messages go; `payload` is a Channel. No secret is in it, only names of secrets.
CREATE TABLE penstock_notifications.channels (
    name text PRIMARY KEY,
    team text NOT NULL,
    payload bytea NOT NULL
);

-- Of which runs a channel is told; `payload` is a Rule.
CREATE TABLE penstock_notifications.rules (
    name text PRIMARY KEY,
    team text NOT NULL,
    channel text NOT NULL REFERENCES penstock_notifications.channels,
    payload bytea NOT NULL
);
CREATE INDEX rules_channel ON penstock_notifications.rules (channel);

-- How far each shard's log is taken: see Mark in core/runs.py.
CREATE TABLE penstock_notifications.positions (
    shard integer PRIMARY KEY,
    from_seq bigint NOT NULL,
    taken_seq bigint NOT NULL
);

-- The outbox. A channel is told of an end of a run once, whichever rules say so. Times are microseconds since 1970.
CREATE TABLE penstock_notifications.deliveries (
    run_id uuid NOT NULL,
    kind smallint NOT NULL,
    channel text NOT NULL,
    id text NOT NULL UNIQUE,
    rule text NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    body bytea NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    attempts integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    created_us bigint NOT NULL,
    due_us bigint NOT NULL,
    until_us bigint NOT NULL,
    tried_us bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, kind, channel)
);
CREATE INDEX deliveries_due ON penstock_notifications.deliveries (channel, due_us) WHERE state = 1;
CREATE INDEX deliveries_dead ON penstock_notifications.deliveries (created_us, id) WHERE state = 3;
CREATE INDEX deliveries_newest ON penstock_notifications.deliveries (created_us, id);

-- migrate:down

DROP SCHEMA penstock_notifications CASCADE;
