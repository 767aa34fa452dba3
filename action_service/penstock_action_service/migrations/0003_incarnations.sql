-- migrate:up

-- Which process of that name: another one has another lease. Those of earlier versions expire by themselves.
ALTER TABLE penstock_action_service.pools
    ADD COLUMN incarnation uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

-- migrate:down

ALTER TABLE penstock_action_service.pools DROP COLUMN incarnation;
