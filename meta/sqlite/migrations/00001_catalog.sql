-- The catalog: what exists. Instants are microseconds since the Unix epoch, UTC.

-- +goose Up

CREATE TABLE series (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again (M4)
    name          TEXT    NOT NULL UNIQUE,
    type          INTEGER NOT NULL,
    period        INTEGER NOT NULL,
    block_len     INTEGER NOT NULL,
    interpolation INTEGER NOT NULL,
    zone          TEXT    NOT NULL,
    unit          TEXT    NOT NULL,
    low           REAL,
    high          REAL,
    label_end     INTEGER NOT NULL,
    codec         TEXT    NOT NULL,
    labels        TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    states        TEXT    NOT NULL, -- a JSON array
    created       INTEGER NOT NULL,
    changed       INTEGER NOT NULL  -- generation of the last change
) STRICT;
CREATE INDEX series_changed ON series (changed);

-- One row: the number that grows with every change of the table series.
CREATE TABLE generation (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO generation VALUES (1, 0);

-- Everybody who ever became the writer; the newest is it (M2).
CREATE TABLE writers (
    epoch    INTEGER PRIMARY KEY AUTOINCREMENT,
    holder   TEXT    NOT NULL,
    acquired INTEGER NOT NULL
) STRICT;

CREATE TABLE snapshots (
    id   INTEGER PRIMARY KEY, -- grows by one (M1)
    time INTEGER NOT NULL,
    log  INTEGER NOT NULL,    -- the bits of an unsigned number
    note TEXT    NOT NULL
) STRICT;

CREATE TABLE segments (
    number    INTEGER PRIMARY KEY AUTOINCREMENT, -- order of addition
    name      TEXT    NOT NULL UNIQUE,
    size      INTEGER NOT NULL,
    series    INTEGER NOT NULL,
    blocks    INTEGER NOT NULL,
    samples   INTEGER NOT NULL,
    from_time INTEGER NOT NULL,
    to_time   INTEGER NOT NULL,
    crc       INTEGER NOT NULL,
    created   INTEGER NOT NULL REFERENCES snapshots (id), -- its version, too
    retired   INTEGER NOT NULL                            -- snapshot; 0: live
) STRICT;
CREATE INDEX segments_retired ON segments (retired);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE settings;
DROP TABLE segments;
DROP TABLE snapshots;
DROP TABLE writers;
DROP TABLE generation;
DROP TABLE series;
