-- migrate:up

-- The State Trackers that run now: how many there are tells each how many shards are its share.
CREATE TABLE members (
    owner text PRIMARY KEY CHECK (owner <> ''),
    address text NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- migrate:down

DROP TABLE members;
