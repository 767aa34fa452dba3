-- migrate:up
-- A session is a token of somebody who signed in: with the groups that the identity provider told then.
ALTER TABLE penstock_access.tokens
    ADD COLUMN source text NOT NULL DEFAULT 'api_token',
    ADD COLUMN groups text[] NOT NULL DEFAULT '{}';

-- migrate:down
ALTER TABLE penstock_access.tokens DROP COLUMN source, DROP COLUMN groups;
