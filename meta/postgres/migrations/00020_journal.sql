-- The journal: every change of the catalog in order, until it is in the bucket.

-- +goose Up

ALTER TABLE catalog ADD COLUMN changes BIGINT NOT NULL DEFAULT 0; -- number of the newest
ALTER TABLE catalog ADD COLUMN head TEXT NOT NULL DEFAULT '';      -- its digest
ALTER TABLE catalog ADD COLUMN trimmed BIGINT NOT NULL DEFAULT 0; -- those up to this number are in the bucket only
UPDATE catalog SET head = id; -- so that no two databases have a change of the same digest

CREATE TABLE journal (
    number BIGINT PRIMARY KEY,
    change TEXT   NOT NULL -- JSON
);

-- +goose Down

DROP TABLE journal;
ALTER TABLE catalog DROP COLUMN trimmed;
ALTER TABLE catalog DROP COLUMN head;
ALTER TABLE catalog DROP COLUMN changes;
