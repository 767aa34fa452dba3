-- migrate:up

-- Ids are looked for in the State Tracker's table, which is never behind.
DROP INDEX penstock_history.runs_id_end;

-- Runs (operator '') lie together, apart from the many rows of operators; and a sum reads the index alone.
ALTER TABLE penstock_history.figures DROP CONSTRAINT figures_pkey,
    ADD PRIMARY KEY (operator, day, workflow, team);
ALTER TABLE penstock_history.durations DROP CONSTRAINT durations_pkey,
    ADD PRIMARY KEY (operator, day, workflow, team, bucket) INCLUDE (count);

-- The same by month, counted from 1970-01: what long times are added up from. Months are those of UTC.
CREATE TABLE penstock_history.figures_by_month (
    month integer NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    operator text NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    skipped bigint NOT NULL,
    retries bigint NOT NULL,
    busy_us bigint NOT NULL,
    PRIMARY KEY (operator, month, workflow, team)
);
CREATE TABLE penstock_history.durations_by_month (
    month integer NOT NULL,
    workflow text NOT NULL,
    team text NOT NULL,
    operator text NOT NULL,
    bucket smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (operator, month, workflow, team, bucket) INCLUDE (count)
);
INSERT INTO penstock_history.figures_by_month
SELECT (extract(year FROM at) - 1970) * 12 + extract(month FROM at) - 1, workflow, team, operator, sum(succeeded),
    sum(failed), sum(cancelled), sum(skipped), sum(retries), sum(busy_us)
FROM (SELECT *, date '1970-01-01' + day AS at FROM penstock_history.figures) AS days GROUP BY 1, 2, 3, 4;
INSERT INTO penstock_history.durations_by_month
SELECT (extract(year FROM at) - 1970) * 12 + extract(month FROM at) - 1, workflow, team, operator, bucket, sum(count)
FROM (SELECT *, date '1970-01-01' + day AS at FROM penstock_history.durations) AS days GROUP BY 1, 2, 3, 4, 5;

-- migrate:down

DROP TABLE penstock_history.durations_by_month, penstock_history.figures_by_month;
ALTER TABLE penstock_history.durations DROP CONSTRAINT durations_pkey,
    ADD PRIMARY KEY (day, workflow, team, operator, bucket);
ALTER TABLE penstock_history.figures DROP CONSTRAINT figures_pkey,
    ADD PRIMARY KEY (day, workflow, team, operator);
CREATE INDEX runs_id_end ON penstock_history.runs (reverse(right(run_id::text, 12)) text_pattern_ops);
