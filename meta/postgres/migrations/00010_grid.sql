-- Where slots begin, and calendar periods.

-- +goose Up

ALTER TABLE series ADD COLUMN phase BIGINT NOT NULL DEFAULT 0;  -- µs; of a calendar period, the local time of day
ALTER TABLE series ADD COLUMN months BIGINT NOT NULL DEFAULT 0; -- of a calendar period, whose period is 0
ALTER TABLE series ADD COLUMN days BIGINT NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE series DROP COLUMN days;
ALTER TABLE series DROP COLUMN months;
ALTER TABLE series DROP COLUMN phase;
