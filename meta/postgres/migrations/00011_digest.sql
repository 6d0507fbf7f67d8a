-- What tells segments of equal shape apart.

-- +goose Up

ALTER TABLE segments ADD COLUMN digest BIGINT NOT NULL DEFAULT 0; -- the bits of an unsigned number; 0: not known

-- +goose Down

ALTER TABLE segments DROP COLUMN digest;
