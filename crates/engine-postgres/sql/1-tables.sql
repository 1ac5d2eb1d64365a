-- Format 1. Append-only: a released file is never edited; another format is another file.
--
-- Integers are signed in SQL. Sequences begin at 1, instants are milliseconds since the epoch and have 48 bits.

CREATE SCHEMA lychgate;

-- One row. Its lock puts all commits of all nodes in one order, so a sequence is given out only by the transaction that
-- commits next.
CREATE TABLE lychgate.store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    format integer NOT NULL,
    incarnation bytea NOT NULL CHECK (octet_length(incarnation) = 16),
    sequence bigint NOT NULL,
    oldest_sequence bigint NOT NULL,
    oldest_index bigint NOT NULL,
    committed_at bigint NOT NULL
) WITH (
    -- Each commit writes the row anew on its page; pruning reclaims old versions without vacuum. Vacuum comes early because
    -- a snapshot that stays open prevents pruning, and the table then grows by a page for each hundred commits.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0
);

CREATE TABLE lychgate.entries (
    space smallint NOT NULL,
    key bytea NOT NULL,
    -- The sequence of the batch that wrote the row.
    version bigint NOT NULL,
    expires_at bigint,
    value bytea NOT NULL,
    PRIMARY KEY (space, key)
) WITH (
    -- Room on each page for the next version of its rows: an update that changes no index then leaves the indexes alone.
    fillfactor = 85,
    -- A fifth of a table of a hundred million rows, the default, is a vacuum too late and too long.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);

CREATE INDEX entries_expires_at ON lychgate.entries (expires_at) WHERE expires_at IS NOT NULL;

-- Rows are inserted in order, never updated, and deleted from the beginning of the log.
CREATE TABLE lychgate.events (
    sequence bigint NOT NULL,
    index bigint NOT NULL,
    committed_at bigint NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (sequence, index)
) WITH (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02
);
