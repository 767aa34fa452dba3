-- migrate:up
CREATE SCHEMA penstock_access;

-- Keys that access tokens are signed with: the newest signs, those before verify until they are removed.
CREATE TABLE penstock_access.keys (
    id text PRIMARY KEY,
    pem bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Roles: 1 viewer, 2 launcher, 3 operator, 4 admin. Team '*' is the deployment.
CREATE TABLE penstock_access.members (
    team text NOT NULL,
    subject text NOT NULL,
    role smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    PRIMARY KEY (team, subject)
);
CREATE INDEX members_subject ON penstock_access.members (subject);

CREATE TABLE penstock_access.tokens (
    id text PRIMARY KEY,
    -- SHA-256 of the whole token.
    hash bytea NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    -- Limits of what the subject may do; no teams: all of them, 0: the subject's role.
    teams text[] NOT NULL,
    role smallint NOT NULL CHECK (role BETWEEN 0 AND 4),
    pool text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX tokens_subject ON penstock_access.tokens (subject);

CREATE TABLE penstock_access.audit (
    at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    what text NOT NULL,
    subject text NOT NULL,
    credential text NOT NULL,
    service text NOT NULL,
    action text NOT NULL,
    team text NOT NULL,
    detail text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX audit_id ON penstock_access.audit (id DESC);
CREATE INDEX audit_what ON penstock_access.audit (what, id DESC);
CREATE INDEX audit_subject ON penstock_access.audit (subject, id DESC);

-- migrate:down
DROP SCHEMA penstock_access CASCADE;
