-- Checksums of rows. A program fills them in once, after this.

-- +goose Up

ALTER TABLE series ADD COLUMN sum BIGINT;
ALTER TABLE generation ADD COLUMN sum BIGINT;
ALTER TABLE writers ADD COLUMN sum BIGINT;
ALTER TABLE snapshots ADD COLUMN sum BIGINT;
ALTER TABLE segments ADD COLUMN sum BIGINT;
ALTER TABLE settings ADD COLUMN sum BIGINT;
ALTER TABLE catalog ADD COLUMN sum BIGINT;
ALTER TABLE logs ADD COLUMN sum BIGINT;
ALTER TABLE edits ADD COLUMN sum BIGINT;
ALTER TABLE edit_ranges ADD COLUMN sum BIGINT;
ALTER TABLE pins ADD COLUMN sum BIGINT;
ALTER TABLE garbage ADD COLUMN sum BIGINT;
ALTER TABLE journal ADD COLUMN sum BIGINT;

-- What the sums of the segments add up to that are live in it, whatever their numbers are
-- and when they are retired.
ALTER TABLE snapshots ADD COLUMN live BIGINT NOT NULL DEFAULT 0;

-- The edits are a chain.
ALTER TABLE catalog ADD COLUMN trail BIGINT NOT NULL DEFAULT 0;  -- sum of the newest edit
ALTER TABLE edits ADD COLUMN previous BIGINT NOT NULL DEFAULT 0; -- sum of the edit before
ALTER TABLE edits ADD COLUMN ranges BIGINT NOT NULL DEFAULT 0;   -- what the sums of its ranges add up to

-- The catalog numbers them, so that the numbers are under the sums.
ALTER TABLE segments ALTER COLUMN number DROP IDENTITY;
ALTER TABLE edit_ranges ALTER COLUMN number DROP IDENTITY;

-- Of each table that may have more than one row how many there are, and what their sums
-- add up to: JSON.
ALTER TABLE catalog ADD COLUMN totals TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE catalog DROP COLUMN totals;
ALTER TABLE edit_ranges ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('edit_ranges', 'number'), 1 + (SELECT coalesce(max(number), 0) FROM edit_ranges));
ALTER TABLE segments ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('segments', 'number'), 1 + (SELECT coalesce(max(number), 0) FROM segments));
ALTER TABLE snapshots DROP COLUMN live;
ALTER TABLE edits DROP COLUMN ranges;
ALTER TABLE edits DROP COLUMN previous;
ALTER TABLE catalog DROP COLUMN trail;
ALTER TABLE journal DROP COLUMN sum;
ALTER TABLE garbage DROP COLUMN sum;
ALTER TABLE pins DROP COLUMN sum;
ALTER TABLE edit_ranges DROP COLUMN sum;
ALTER TABLE edits DROP COLUMN sum;
ALTER TABLE logs DROP COLUMN sum;
ALTER TABLE catalog DROP COLUMN sum;
ALTER TABLE settings DROP COLUMN sum;
ALTER TABLE segments DROP COLUMN sum;
ALTER TABLE snapshots DROP COLUMN sum;
ALTER TABLE writers DROP COLUMN sum;
ALTER TABLE generation DROP COLUMN sum;
ALTER TABLE series DROP COLUMN sum;
