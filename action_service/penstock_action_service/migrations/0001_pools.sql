-- migrate:up
-- Who owns which pool. The row outlives its owner: the epoch only ever rises.
CREATE SCHEMA IF NOT EXISTS penstock_action_service;

CREATE TABLE IF NOT EXISTS penstock_action_service.pools (
    pool text PRIMARY KEY CHECK (pool <> ''),
    epoch bigint NOT NULL CHECK (epoch > 0 AND epoch < 16777216),
    owner text NOT NULL,
    address text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- migrate:down
DROP TABLE penstock_action_service.pools;
