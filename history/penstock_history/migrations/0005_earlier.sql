-- migrate:up

-- Of runs that go on after an end: what the row of the end had that the log does not say again.
CREATE TABLE penstock_history.earlier (
    run_id uuid PRIMARY KEY,
    retries integer NOT NULL,
    busy_us bigint NOT NULL,
    inputs bytea NOT NULL,
    columns bytea NOT NULL
);

-- migrate:down

DROP TABLE penstock_history.earlier;
