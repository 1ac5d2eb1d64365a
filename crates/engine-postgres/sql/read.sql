-- Looks up keys in one snapshot. Parameters: spaces, keys, now.
SELECT s.incarnation, s.sequence, k.place, e.version, e.expires_at, e.value
FROM lychgate.store s
LEFT JOIN LATERAL unnest($1::smallint[], $2::bytea[]) WITH ORDINALITY AS k (space, key, place) ON true
LEFT JOIN LATERAL (
    SELECT * FROM lychgate.entries e
    WHERE e.space = k.space AND e.key = k.key AND (e.expires_at IS NULL OR e.expires_at > $3::bigint) LIMIT 1
) e ON true
WHERE s.one
