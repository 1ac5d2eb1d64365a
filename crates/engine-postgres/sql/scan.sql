-- Lists entries in key order. Parameters: space, first key, now, rows, results, first key after the range. An entry that is
-- not among the first `results` live ones comes without its value.
SELECT s.incarnation, s.sequence, e.key, e.version, e.expires_at, e.is_live,
    CASE WHEN e.is_live AND e.number <= $5::bigint THEN e.value END
FROM lychgate.store s
LEFT JOIN LATERAL (
    SELECT r.*, count(*) FILTER (WHERE r.is_live) OVER (ORDER BY r.key) AS number
    FROM (
        SELECT key, version, expires_at, value, expires_at IS NULL OR expires_at > $3::bigint AS is_live
        FROM lychgate.entries WHERE space = $1 AND key >= $2 AND key < $6 ORDER BY key LIMIT $4
    ) r
) e ON true
WHERE s.one
ORDER BY e.key
