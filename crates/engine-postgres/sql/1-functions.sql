-- The functions of format 1.
--
-- Their plans must not depend on the tables' size at the time of planning: an index is used always, also if the table was
-- empty then.

-- Applies batches, each whole or not at all. Their order is that of `waves`, ascending; a wave is a set of batches of which
-- none writes a key that a later one of the set reads or writes. All batches of a wave are checked before one is applied.
--
-- `clock_now` is the caller's time in milliseconds, taken for the commit's time unless it is ahead of this server's.
-- `deadlines` are microseconds of this server's clock, `nows` are the batches' times. An operation names its batch (from 1),
-- its place in the batch (from 1), its key, and the version that the key must have: 0 for an absent key, -1 for a version
-- that no key has. A put or a deletion names its operation (from 1).
--
-- Returns for each batch its sequence, or 0 if it came too late, or the negative place of its first operation that failed;
-- and the names of the synchronous standbys, empty if there are none.
CREATE OR REPLACE FUNCTION lychgate.commit_batches(
    clock_now bigint, deadlines bigint[], nows bigint[], waves integer[],
    op_batch integer[], op_place integer[], op_space smallint[], op_key bytea[], op_expected bigint[],
    put_op integer[], put_value bytea[], put_expires_at bigint[],
    delete_op integer[],
    event_batch integer[], event_index bigint[], event_value bytea[],
    OUT incarnation bytea, OUT outcomes bigint[], OUT standbys text
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    store record;
    clock bigint;
    newest bigint;
    before bigint;
    results bigint[];
BEGIN
    -- The lock makes a transaction that writes nothing else, such as one of conflicts, wait for the standbys too.
    SELECT * INTO STRICT store FROM lychgate.store s WHERE s.one FOR UPDATE;
    incarnation := store.incarnation;
    outcomes := '{}';
    standbys := current_setting('synchronous_standby_names');
    newest := store.sequence;
    clock := extract(epoch FROM clock_timestamp()) * 1000000;
    FOR wave IN 1 .. coalesce(waves[cardinality(waves)], 0) LOOP
        before := newest;
        WITH failed AS (
            SELECT o.batch, min(o.place) AS place
            FROM unnest(op_batch, op_place, op_space, op_key, op_expected) AS o (batch, place, space, key, expected)
            LEFT JOIN LATERAL (
                SELECT e.version FROM lychgate.entries e
                WHERE e.space = o.space AND e.key = o.key AND (e.expires_at IS NULL OR e.expires_at > nows[o.batch])
                LIMIT 1
            ) e ON true
            WHERE waves[o.batch] = wave AND coalesce(e.version, 0) <> o.expected
            GROUP BY o.batch
        ), judged AS (
            SELECT b.batch, CASE WHEN b.deadline <= clock THEN 0 ELSE -f.place END AS refusal
            FROM unnest(deadlines, waves) WITH ORDINALITY AS b (deadline, in_wave, batch)
            LEFT JOIN failed f ON f.batch = b.batch
            WHERE b.in_wave = wave
        ), numbered AS (
            SELECT batch, coalesce(
                refusal, before + count(*) FILTER (WHERE refusal IS NULL) OVER (ORDER BY batch)
            ) AS outcome
            FROM judged
        )
        SELECT array_agg(outcome ORDER BY batch), greatest(before, max(outcome)) INTO results, newest FROM numbered;
        outcomes := outcomes || results;
        CONTINUE WHEN newest = before;
        IF cardinality(put_op) > 0 THEN
            INSERT INTO lychgate.entries (space, key, version, expires_at, value)
            SELECT op_space[p.op], op_key[p.op], outcomes[op_batch[p.op]], p.expires_at, p.value
            FROM unnest(put_op, put_value, put_expires_at) AS p (op, value, expires_at)
            WHERE waves[op_batch[p.op]] = wave AND outcomes[op_batch[p.op]] > 0
            ON CONFLICT (space, key) DO UPDATE
            SET version = excluded.version, expires_at = excluded.expires_at, value = excluded.value;
        END IF;
        IF cardinality(delete_op) > 0 THEN
            DELETE FROM lychgate.entries WHERE ctid = ANY (ARRAY(
                SELECT e.place FROM unnest(delete_op) AS d (op)
                CROSS JOIN LATERAL (
                    SELECT e.ctid AS place FROM lychgate.entries e
                    WHERE e.space = op_space[d.op] AND e.key = op_key[d.op] LIMIT 1
                ) e
                WHERE waves[op_batch[d.op]] = wave AND outcomes[op_batch[d.op]] > 0
            ));
        END IF;
    END LOOP;
    IF newest = store.sequence THEN
        RETURN;
    END IF;
    -- Commit times never go back, so a time that is ahead would stay for the commits of all nodes.
    clock_now := greatest(least(clock_now, clock / 1000), store.committed_at);
    IF cardinality(event_batch) > 0 THEN
        INSERT INTO lychgate.events (sequence, index, committed_at, value)
        SELECT outcomes[e.batch], e.index, clock_now, e.value
        FROM unnest(event_batch, event_index, event_value) AS e (batch, index, value)
        WHERE outcomes[e.batch] > 0;
    END IF;
    UPDATE lychgate.store s SET sequence = newest, committed_at = clock_now WHERE s.one;
END $$;

-- A transaction that every earlier one precedes on the synchronous standbys: it writes to the log, so its commit waits for
-- them. The lock keeps a second one from waiting beside it, so that a primary without standbys does not collect sessions.
CREATE OR REPLACE FUNCTION lychgate.barrier() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1283023720, 1);
    PERFORM pg_logical_emit_message(true, 'lychgate', '');
    RETURN current_setting('synchronous_standby_names');
END $$;

-- Moves the beginning of the event log forwards to a position of this log. The rows before it are deleted by
-- `delete_forgotten`. Reports whether the position is one of this log.
CREATE OR REPLACE FUNCTION lychgate.forget_events(
    of_incarnation bytea, before_sequence bigint, before_index bigint,
    OUT incarnation bytea, OUT oldest_sequence bigint, OUT oldest_index bigint, OUT is_known boolean
) LANGUAGE plpgsql AS $$
DECLARE
    store record;
BEGIN
    SELECT * INTO STRICT store FROM lychgate.store s WHERE s.one FOR UPDATE;
    is_known := store.incarnation = of_incarnation AND before_sequence <= store.sequence;
    IF is_known AND (before_sequence, before_index) > (store.oldest_sequence, store.oldest_index) THEN
        UPDATE lychgate.store s
        SET oldest_sequence = before_sequence, oldest_index = before_index WHERE s.one
        RETURNING * INTO store;
    END IF;
    incarnation := store.incarnation;
    oldest_sequence := store.oldest_sequence;
    oldest_index := store.oldest_index;
END $$;

-- Deletes at most `most` events before the beginning of the log, and returns their number.
CREATE OR REPLACE FUNCTION lychgate.delete_forgotten(most bigint) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
    deleted bigint;
BEGIN
    DELETE FROM lychgate.events WHERE ctid = ANY (ARRAY(
        SELECT e.ctid FROM lychgate.store s
        CROSS JOIN LATERAL (
            SELECT e.ctid FROM lychgate.events e
            WHERE (e.sequence, e.index) < (s.oldest_sequence, s.oldest_index)
            ORDER BY e.sequence, e.index LIMIT most
        ) e
        WHERE s.one
    ));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;

-- Deletes at most `most` entries that expired before `expired_before`, and longer than `skew` ago by this server's clock, both
-- in milliseconds. Returns their number; -1 if another node sweeps now. An entry that a commit renews meanwhile stays: its
-- row is locked, or is checked again after it was.
CREATE OR REPLACE FUNCTION lychgate.sweep(expired_before bigint, skew bigint, most bigint)
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    deleted bigint;
BEGIN
    -- A sweep that is lost with the server is made again.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF NOT pg_try_advisory_xact_lock(1283023720, 2) THEN
        RETURN -1;
    END IF;
    -- The caller's clock may be wrong.
    expired_before := least(expired_before, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - skew);
    WITH expired AS MATERIALIZED (
        SELECT e.space, e.key FROM lychgate.entries e WHERE e.expires_at < expired_before
        ORDER BY e.expires_at LIMIT most FOR UPDATE SKIP LOCKED
    )
    DELETE FROM lychgate.entries e USING expired x WHERE e.space = x.space AND e.key = x.key;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;
