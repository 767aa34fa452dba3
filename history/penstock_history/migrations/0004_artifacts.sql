-- migrate:up

-- Artifacts where the log recorded them: as an output of a node, or as an input of a run (node -1).
-- Those of older runs are here after `penstock rebuild-history`. key: of run, event and place, so that an event counts once.
CREATE TABLE penstock_history.artifacts (
    key uuid PRIMARY KEY,
    recorded_us bigint NOT NULL,
    artifact bytea NOT NULL,
    codec text NOT NULL,
    type_name text NOT NULL,
    size_bytes bigint NOT NULL,
    run_id uuid NOT NULL,
    plan bytea NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    operator text NOT NULL,
    node integer NOT NULL,
    place integer NOT NULL,
    node_name text NOT NULL,
    port text NOT NULL
);
CREATE INDEX artifacts_newest ON penstock_history.artifacts (recorded_us DESC, key DESC);
CREATE INDEX artifacts_type ON penstock_history.artifacts (type_name, recorded_us DESC, key DESC);
CREATE INDEX artifacts_workflow ON penstock_history.artifacts (workflow, recorded_us DESC, key DESC);
CREATE INDEX artifacts_operator ON penstock_history.artifacts (operator, recorded_us DESC, key DESC);
CREATE INDEX artifacts_team ON penstock_history.artifacts (team, recorded_us DESC, key DESC);
CREATE INDEX artifacts_hash ON penstock_history.artifacts (artifact, recorded_us DESC, key DESC);
CREATE INDEX artifacts_run ON penstock_history.artifacts (run_id);

-- Types, workflows and operators of artifacts, for searches by a part of one.
CREATE TABLE penstock_history.artifact_names (name text PRIMARY KEY);

-- migrate:down

DROP TABLE penstock_history.artifact_names, penstock_history.artifacts;
