-- migrate:up

-- A run that goes on after an end may end again in the same way: the id tells the ends apart.
ALTER TABLE penstock_notifications.deliveries DROP CONSTRAINT deliveries_pkey;
ALTER TABLE penstock_notifications.deliveries DROP CONSTRAINT deliveries_id_key;
ALTER TABLE penstock_notifications.deliveries ADD PRIMARY KEY (id);
CREATE INDEX deliveries_run ON penstock_notifications.deliveries (run_id);

-- migrate:down

DROP INDEX penstock_notifications.deliveries_run;
ALTER TABLE penstock_notifications.deliveries DROP CONSTRAINT deliveries_pkey;
ALTER TABLE penstock_notifications.deliveries ADD UNIQUE (id);
ALTER TABLE penstock_notifications.deliveries ADD PRIMARY KEY (run_id, kind, channel);
