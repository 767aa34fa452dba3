-- migrate:up

CREATE SCHEMA IF NOT EXISTS penstock_registry;

-- The end of the log. Whoever writes locks this row first, so that events, versions and aliases have one order.
CREATE TABLE penstock_registry.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    recorded_at timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO penstock_registry.head DEFAULT VALUES;

-- The log: every change, for good. All other tables can be made from it.
CREATE TABLE penstock_registry.events (
    seq bigint PRIMARY KEY CHECK (seq >= 1),
    recorded_at timestamptz NOT NULL,
    payload bytea NOT NULL
);

-- Names. kind is EntryKind of the contract; models and features are kinds to come.
CREATE TABLE penstock_registry.entries (
    kind smallint NOT NULL CHECK (kind > 0),
    name text NOT NULL CHECK (name <> ''),
    team text NOT NULL,
    doc text NOT NULL,
    latest bigint NOT NULL CHECK (latest >= 1),
    updated_at timestamptz NOT NULL,
    search tsvector NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX entries_by_team ON penstock_registry.entries (kind, team, name);
CREATE INDEX entries_by_word ON penstock_registry.entries USING gin (search);

-- Versions; what they are is in the event.
CREATE TABLE penstock_registry.versions (
    kind smallint NOT NULL,
    name text NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    hash bytea NOT NULL,
    seq bigint NOT NULL REFERENCES penstock_registry.events,
    PRIMARY KEY (kind, name, version),
    UNIQUE (kind, name, hash),
    FOREIGN KEY (kind, name) REFERENCES penstock_registry.entries
);

CREATE TABLE penstock_registry.aliases (
    kind smallint NOT NULL,
    name text NOT NULL,
    alias text NOT NULL CHECK (alias <> ''),
    version bigint NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (kind, name, alias),
    FOREIGN KEY (kind, name, version) REFERENCES penstock_registry.versions
);

-- Lineage, both ways: what a thing was made from or uses.
CREATE TABLE penstock_registry.links (
    thing text NOT NULL,
    relation text NOT NULL,
    used text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (thing, relation, used)
);
CREATE INDEX links_by_used ON penstock_registry.links (used, seq);

-- Forms by plan, made at publish; revision: of the rules by which they are made.
CREATE TABLE penstock_registry.forms (
    plan bytea NOT NULL,
    revision integer NOT NULL,
    schema_json text NOT NULL,
    PRIMARY KEY (plan, revision)
);

-- migrate:down

DROP SCHEMA penstock_registry CASCADE;
