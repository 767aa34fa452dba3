-- migrate:up

-- What failed within the last hour, to be retried.
CREATE INDEX runs_ended ON penstock_history.runs (ended_us);

-- migrate:down

DROP INDEX penstock_history.runs_ended;
