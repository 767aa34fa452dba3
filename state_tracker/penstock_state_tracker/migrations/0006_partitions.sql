-- migrate:up

-- Makes the partition of a day unless it is there: apart first, then attached, so that it waits for no reader of the
-- log. What is in the default partition of that day moves; nothing is written there meanwhile.
CREATE OR REPLACE FUNCTION make_events_partition(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'events_' || to_char(day, 'YYYYMMDD');
    place oid := (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass);
    first timestamptz := day::timestamp AT TIME ZONE 'UTC';
    after timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- Not by to_regclass, which may remember what was so before this transaction waited for another.
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = place) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', name);
    IF EXISTS (SELECT FROM events_default WHERE recorded_at >= first AND recorded_at < after) THEN
        LOCK TABLE events_default IN SHARE ROW EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM events_default WHERE recorded_at >= %L AND recorded_at < %L RETURNING *)
             INSERT INTO %I SELECT * FROM moved', first, after, name);
    END IF;
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, after);
END $$;

-- migrate:down

-- The former one makes the same partitions.
SELECT 1;
