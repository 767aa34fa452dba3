-- migrate:up

-- Up to which position the log is on the topic. The registry that has the row locked is the one that publishes.
CREATE TABLE penstock_registry.published (seq bigint NOT NULL);
INSERT INTO penstock_registry.published VALUES (0);

-- migrate:down

DROP TABLE penstock_registry.published;
