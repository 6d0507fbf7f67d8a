-- Checksums of rows. A program fills them in once, after this.

-- +goose Up

ALTER TABLE series ADD COLUMN sum INTEGER;
ALTER TABLE generation ADD COLUMN sum INTEGER;
ALTER TABLE writers ADD COLUMN sum INTEGER;
ALTER TABLE snapshots ADD COLUMN sum INTEGER;
ALTER TABLE segments ADD COLUMN sum INTEGER;
ALTER TABLE settings ADD COLUMN sum INTEGER;
ALTER TABLE catalog ADD COLUMN sum INTEGER;
ALTER TABLE logs ADD COLUMN sum INTEGER;
ALTER TABLE edits ADD COLUMN sum INTEGER;
ALTER TABLE edit_ranges ADD COLUMN sum INTEGER;
ALTER TABLE pins ADD COLUMN sum INTEGER;
ALTER TABLE garbage ADD COLUMN sum INTEGER;
ALTER TABLE journal ADD COLUMN sum INTEGER;

-- What the sums of the segments add up to that are live in it, whatever their numbers are
-- and when they are retired.
ALTER TABLE snapshots ADD COLUMN live INTEGER NOT NULL DEFAULT 0;

-- The edits are a chain.
ALTER TABLE catalog ADD COLUMN trail INTEGER NOT NULL DEFAULT 0;  -- sum of the newest edit
ALTER TABLE edits ADD COLUMN previous INTEGER NOT NULL DEFAULT 0; -- sum of the edit before
ALTER TABLE edits ADD COLUMN ranges INTEGER NOT NULL DEFAULT 0;   -- what the sums of its ranges add up to

-- Of each table that may have more than one row how many there are, and what their sums
-- add up to: JSON.
ALTER TABLE catalog ADD COLUMN totals TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE catalog DROP COLUMN totals;
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
