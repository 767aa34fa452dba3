-- migrate:up

-- The workers that are connected to the pool's owner, by name: whoever takes the pool over waits for them before it grants
-- what one of them may run already.
ALTER TABLE penstock_action_service.pools ADD COLUMN IF NOT EXISTS workers text[] NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE penstock_action_service.pools DROP COLUMN IF EXISTS workers;
