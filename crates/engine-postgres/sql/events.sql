-- Reads events from a position on. Parameters: its sequence, its index, the number of events.
SELECT s.incarnation, s.sequence, s.oldest_sequence, s.oldest_index, e.sequence, e.index, e.committed_at, e.value
FROM lychgate.store s
LEFT JOIN LATERAL (
    SELECT * FROM lychgate.events e WHERE (e.sequence, e.index) >= ($1, $2)
    ORDER BY e.sequence, e.index LIMIT $3
) e ON true
WHERE s.one
ORDER BY e.sequence, e.index
