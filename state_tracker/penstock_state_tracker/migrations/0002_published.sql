-- migrate:up

-- How far the public topic has each shard's log, and where: a hint, written once a second, from which a publisher
-- goes on. Being behind costs repeats, and being lost costs that the topic is filled again.
CREATE TABLE published (
    shard integer PRIMARY KEY REFERENCES heads,
    seq bigint NOT NULL CHECK (seq >= 0),
    topic_offset bigint NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- migrate:down

DROP TABLE published;
