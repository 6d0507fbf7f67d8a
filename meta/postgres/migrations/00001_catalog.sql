-- The catalog: what exists. Instants are microseconds since the Unix epoch, UTC.
-- Names that are put in order are compared byte by byte, whatever the database's
-- collation.

-- +goose Up

CREATE TABLE series (
    id            BIGINT   PRIMARY KEY, -- never used again (M4)
    name          TEXT     COLLATE "C" NOT NULL UNIQUE,
    type          SMALLINT NOT NULL,
    period        BIGINT   NOT NULL,
    block_len     BIGINT   NOT NULL,
    interpolation SMALLINT NOT NULL,
    zone          TEXT     NOT NULL,
    unit          TEXT     NOT NULL,
    low           DOUBLE PRECISION,
    high          DOUBLE PRECISION,
    label_end     BOOLEAN  NOT NULL,
    codec         TEXT     NOT NULL,
    labels        TEXT     NOT NULL, -- JSON, as it was given
    description   TEXT     NOT NULL,
    states        TEXT     NOT NULL, -- a JSON array
    created       BIGINT   NOT NULL,
    retention     BIGINT   NOT NULL, -- µs; 0: as the labels say
    changed       BIGINT   NOT NULL  -- generation of the last change
);
CREATE INDEX series_changed ON series (changed);

-- One row: the number that grows with every change of the table series. Whoever
-- changes series begins with it.
CREATE TABLE generation (
    one         SMALLINT PRIMARY KEY CHECK (one = 1),
    generation  BIGINT   NOT NULL,
    next_series BIGINT   NOT NULL -- id
);
INSERT INTO generation VALUES (1, 0, 1);

-- One row: who this is, what was given out last, and the newest writer's lease.
-- Whoever changes anything but series begins with it (M1, M2).
CREATE TABLE catalog (
    one       SMALLINT PRIMARY KEY CHECK (one = 1),
    id        TEXT     NOT NULL, -- of the database
    next_edit BIGINT   NOT NULL, -- id
    epoch     BIGINT   NOT NULL, -- newest
    holder    TEXT,              -- NULL: the newest epoch was given out by another catalog, or none
    log       TEXT     NOT NULL,
    expires   BIGINT   NOT NULL  -- by the database's clock
);
INSERT INTO catalog VALUES (1, replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 1, 0, NULL, '', 0);

-- Everybody who ever became the writer.
CREATE TABLE writers (
    epoch    BIGINT PRIMARY KEY,
    holder   TEXT   NOT NULL,
    acquired BIGINT NOT NULL
);

CREATE TABLE logs (
    id       TEXT   COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL -- the bits of an unsigned number
);

CREATE TABLE snapshots (
    id   BIGINT  PRIMARY KEY, -- grows by one (M1)
    time BIGINT  NOT NULL,
    note TEXT    NOT NULL,
    edit BIGINT  NOT NULL,
    kept BOOLEAN NOT NULL
);
CREATE INDEX snapshots_time ON snapshots (time, id);
CREATE INDEX snapshots_kept ON snapshots (id) WHERE kept;

CREATE TABLE segments (
    number    BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of addition
    name      TEXT    COLLATE "C" NOT NULL UNIQUE,
    version   BIGINT  NOT NULL,
    size      BIGINT  NOT NULL,
    series    BIGINT  NOT NULL,
    blocks    BIGINT  NOT NULL,
    samples   BIGINT  NOT NULL,
    from_time BIGINT  NOT NULL,
    to_time   BIGINT  NOT NULL,
    crc       BIGINT  NOT NULL,
    created   BIGINT  NOT NULL REFERENCES snapshots (id),
    retired   BIGINT  NOT NULL, -- snapshot; 0: live
    history   BOOLEAN NOT NULL
);
CREATE INDEX segments_retired ON segments (retired);

CREATE TABLE edits (
    id       BIGINT   PRIMARY KEY,
    snapshot BIGINT   NOT NULL REFERENCES snapshots (id),
    kind     SMALLINT NOT NULL,
    who      TEXT     NOT NULL,
    reason   TEXT     NOT NULL,
    source   TEXT     NOT NULL,
    inserted BIGINT   NOT NULL,
    replaced BIGINT   NOT NULL,
    deleted  BIGINT   NOT NULL
);
CREATE INDEX edits_snapshot ON edits (snapshot);

CREATE TABLE edit_ranges (
    number    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edit      BIGINT NOT NULL REFERENCES edits (id),
    series    BIGINT NOT NULL,
    from_time BIGINT NOT NULL,
    to_time   BIGINT NOT NULL,
    inserted  BIGINT NOT NULL,
    replaced  BIGINT NOT NULL,
    deleted   BIGINT NOT NULL
);
CREATE INDEX edit_ranges_edit ON edit_ranges (edit, series, from_time);
CREATE INDEX edit_ranges_series ON edit_ranges (series, from_time);

CREATE TABLE pins (
    name     TEXT   COLLATE "C" PRIMARY KEY,
    snapshot BIGINT NOT NULL REFERENCES snapshots (id),
    who      TEXT   NOT NULL,
    created  BIGINT NOT NULL
);

-- Objects of the bucket that no segment is any more.
CREATE TABLE garbage (
    name  TEXT   COLLATE "C" PRIMARY KEY,
    since BIGINT NOT NULL
);

CREATE TABLE settings (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down

DROP TABLE settings;
DROP TABLE garbage;
DROP TABLE pins;
DROP TABLE edit_ranges;
DROP TABLE edits;
DROP TABLE segments;
DROP TABLE snapshots;
DROP TABLE logs;
DROP TABLE writers;
DROP TABLE catalog;
DROP TABLE generation;
DROP TABLE series;
