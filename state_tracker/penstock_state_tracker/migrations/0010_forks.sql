-- migrate:up

-- Runs whose outputs another run took over: they are not removed before it is.
CREATE TABLE run_references (
    origin uuid NOT NULL,
    run_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (origin, run_id)
);

-- migrate:down

DROP TABLE run_references;
