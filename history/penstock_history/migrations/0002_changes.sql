-- migrate:up

-- The tables are made again from the logs: what the new columns need is not in the old rows.
TRUNCATE penstock_history.runs, penstock_history.open_runs, penstock_history.labels, penstock_history.workflows,
    penstock_history.figures, penstock_history.durations, penstock_history.positions;

-- Every row that is written gets the next number, so that a reader can ask for what changed after one.
-- removed_us: up to when removals of runs are known here.
ALTER TABLE penstock_history.state
    ADD COLUMN change bigint NOT NULL DEFAULT 0, ADD COLUMN removed_us bigint NOT NULL DEFAULT 0;
UPDATE penstock_history.state SET generation = generation + 1;

-- registered: the name in the registry by which the run was launched, or nothing.
ALTER TABLE penstock_history.runs
    ADD COLUMN registered text NOT NULL DEFAULT '', ADD COLUMN change bigint NOT NULL DEFAULT 0;
ALTER TABLE penstock_history.open_runs
    ADD COLUMN registered text NOT NULL DEFAULT '', ADD COLUMN change bigint NOT NULL DEFAULT 0;
CREATE INDEX runs_registered ON penstock_history.runs (registered, submitted_us DESC, run_id DESC)
    WHERE registered <> '';
CREATE INDEX runs_change ON penstock_history.runs (change);
CREATE INDEX open_runs_change ON penstock_history.open_runs (change);

-- Runs that were removed from the log: they never come back, also where news of them are late.
CREATE TABLE penstock_history.removed (run_id uuid PRIMARY KEY, change bigint NOT NULL);
CREATE INDEX removed_change ON penstock_history.removed (change);

-- migrate:down

DROP TABLE penstock_history.removed;
DROP INDEX penstock_history.open_runs_change, penstock_history.runs_change, penstock_history.runs_registered;
ALTER TABLE penstock_history.open_runs DROP COLUMN change, DROP COLUMN registered;
ALTER TABLE penstock_history.runs DROP COLUMN change, DROP COLUMN registered;
ALTER TABLE penstock_history.state DROP COLUMN removed_us, DROP COLUMN change;
