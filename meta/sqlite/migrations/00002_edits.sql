-- Edits, leases, pins and expiry.

-- +goose Up

ALTER TABLE series ADD COLUMN retention INTEGER NOT NULL DEFAULT 0; -- µs; 0: as the labels say

ALTER TABLE generation ADD COLUMN next_series INTEGER NOT NULL DEFAULT 1; -- id
UPDATE generation SET next_series = 1 + max(
    coalesce((SELECT max(id) FROM series), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'series'), 0));

-- One row: who this is, what was given out last, and the newest writer's lease.
-- Whoever changes anything but series begins with it.
CREATE TABLE catalog (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    id        TEXT    NOT NULL, -- of the database
    next_edit INTEGER NOT NULL, -- id
    epoch     INTEGER NOT NULL, -- newest
    holder    TEXT,             -- NULL: the newest epoch was given out by another catalog, or none
    log       TEXT    NOT NULL,
    expires   INTEGER NOT NULL  -- by the database's clock
) STRICT;
INSERT INTO catalog VALUES (1, lower(hex(randomblob(16))), 1,
    max(coalesce((SELECT max(epoch) FROM writers), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'writers'), 0)),
    (SELECT holder FROM writers ORDER BY epoch DESC LIMIT 1), '', 0);

CREATE TABLE logs (
    id       TEXT    PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL -- the bits of an unsigned number
) STRICT, WITHOUT ROWID;
-- Until now there was one log, which had no name.
INSERT INTO logs SELECT 'first', log FROM snapshots ORDER BY id DESC LIMIT 1;

ALTER TABLE snapshots DROP COLUMN log;
ALTER TABLE snapshots ADD COLUMN edit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE snapshots ADD COLUMN kept INTEGER NOT NULL DEFAULT 1;
CREATE INDEX snapshots_time ON snapshots (time, id);
CREATE INDEX snapshots_kept ON snapshots (id) WHERE kept;

ALTER TABLE segments ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN history INTEGER NOT NULL DEFAULT 0;
UPDATE segments SET version = created;

CREATE TABLE edits (
    id       INTEGER PRIMARY KEY,
    snapshot INTEGER NOT NULL REFERENCES snapshots (id),
    kind     INTEGER NOT NULL,
    who      TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    inserted INTEGER NOT NULL,
    replaced INTEGER NOT NULL,
    deleted  INTEGER NOT NULL
) STRICT;
CREATE INDEX edits_snapshot ON edits (snapshot);

CREATE TABLE edit_ranges (
    number    INTEGER PRIMARY KEY,
    edit      INTEGER NOT NULL REFERENCES edits (id),
    series    INTEGER NOT NULL,
    from_time INTEGER NOT NULL,
    to_time   INTEGER NOT NULL,
    inserted  INTEGER NOT NULL,
    replaced  INTEGER NOT NULL,
    deleted   INTEGER NOT NULL
) STRICT;
CREATE INDEX edit_ranges_edit ON edit_ranges (edit, series, from_time);
CREATE INDEX edit_ranges_series ON edit_ranges (series, from_time);

CREATE TABLE pins (
    name     TEXT    PRIMARY KEY NOT NULL,
    snapshot INTEGER NOT NULL REFERENCES snapshots (id),
    who      TEXT    NOT NULL,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Objects of the bucket that no segment is any more.
CREATE TABLE garbage (
    name  TEXT    PRIMARY KEY NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE garbage;
DROP TABLE pins;
DROP TABLE edit_ranges;
DROP TABLE edits;
ALTER TABLE segments DROP COLUMN history;
ALTER TABLE segments DROP COLUMN version;
DROP INDEX snapshots_kept;
DROP INDEX snapshots_time;
ALTER TABLE snapshots DROP COLUMN kept;
ALTER TABLE snapshots DROP COLUMN edit;
ALTER TABLE snapshots ADD COLUMN log INTEGER NOT NULL DEFAULT 0;
UPDATE snapshots SET log = coalesce((SELECT position FROM logs WHERE id = 'first'), 0);
DROP TABLE logs;
DROP TABLE catalog;
ALTER TABLE generation DROP COLUMN next_series;
ALTER TABLE series DROP COLUMN retention;
