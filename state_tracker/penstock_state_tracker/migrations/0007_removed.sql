-- migrate:up

-- When an ended run was removed: its row stays, so that its id is not used again, and says so.
ALTER TABLE runs ADD COLUMN removed_at timestamptz;
ALTER TABLE runs ADD CONSTRAINT runs_removed_ended CHECK (removed_at IS NULL OR state >= 3) NOT VALID;

-- migrate:down

ALTER TABLE runs DROP COLUMN removed_at;
