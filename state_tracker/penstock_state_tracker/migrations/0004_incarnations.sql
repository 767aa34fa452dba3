-- migrate:up

-- Which process of that name: another one has another lease. Those of earlier versions expire by themselves.
ALTER TABLE leases ADD COLUMN incarnation uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

-- migrate:down

ALTER TABLE leases DROP COLUMN incarnation;
