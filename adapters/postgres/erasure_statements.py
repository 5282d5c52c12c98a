"""The SQL statements for erasures.

Rows that another transaction has locked are skipped, because a relay keeps its rows locked for as
long as the broker takes. Each list of rows is therefore read twice: as locked, and in full.
"""

from typing import Final

# Everything but the row itself is personal. It stays because orders refer to it.
CLOSE: Final = """
UPDATE users SET email = $3, password_hash = $4, role = 'user', disabled = true
WHERE id = $1 AND password_hash = $2 AND NOT disabled
RETURNING true
"""
BEGIN: Final = "INSERT INTO erasures (user_id, requested_at, due_at) VALUES ($1, now(), $2)"
FORGET_IDENTITIES: Final = """
DELETE FROM outside_identities WHERE user_id = $1 RETURNING issuer, subject
"""
CLOSE_SUBJECT: Final = """
INSERT INTO closed_subjects (digest, closed_at) VALUES ($1, clock_timestamp())
ON CONFLICT (digest) DO UPDATE SET closed_at = excluded.closed_at
"""
DUE: Final = """
SELECT user_id, passes FROM erasures WHERE due_at <= $1 ORDER BY due_at LIMIT $2
"""
STATE: Final = """
SELECT position, has_skipped FROM erasures WHERE user_id = $1 AND completed_at IS NULL FOR UPDATE
"""
SAVE_STATE: Final = "UPDATE erasures SET position = $2, has_skipped = $3 WHERE user_id = $1"
FINISH: Final = """
UPDATE erasures SET passes = $3, position = NULL, has_skipped = false, due_at = $4,
                    completed_at = CASE WHEN $4::timestamptz IS NULL THEN now() END
WHERE user_id = $1 AND passes = $2 AND completed_at IS NULL
"""

END_SESSIONS: Final = """
WITH gone AS (
    DELETE FROM sessions
    WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY id LIMIT $2)
    RETURNING 1
)
SELECT count(*) FROM gone
"""
DELETE_KEYS: Final = """
WITH gone AS (
    DELETE FROM idempotency_keys
    WHERE user_id = $1 AND key IN (
        SELECT key FROM idempotency_keys WHERE user_id = $1 ORDER BY key LIMIT $2
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""

# Written like `PAGES` in `order_queries.py`, so it always scans the index on (user_id, id).
ORDERS: Final = """
SELECT id FROM orders WHERE user_id <= $1 AND (user_id, id) > ($1, $2)
ORDER BY user_id, id LIMIT $3
"""
LOCK_ORDERS: Final = """
SELECT id, reference, items FROM orders WHERE id = ANY($1)
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
ERASE_ORDERS: Final = """
UPDATE orders SET reference = NULL, items = erased.items
FROM unnest($1::uuid[], $2::json[]) AS erased (id, items)
WHERE orders.id = erased.id
"""
ERASE_REASONS: Final = """
UPDATE order_history SET reason = NULL
WHERE order_id = ANY($1) AND actor_id = $2 AND reason IS NOT NULL
"""
#: Orders with a reason that the person wrote. Those of the person come first, and have none by now.
ORDERS_WITH_REASONS: Final = """
SELECT DISTINCT order_id FROM order_history WHERE actor_id = $1 AND reason IS NOT NULL LIMIT $2
"""

EVENTS: Final = "SELECT subject, revision FROM outbox WHERE subject = ANY($1)"
LOCK_EVENTS: Final = """
SELECT subject, revision, payload, original_headers FROM outbox WHERE subject = ANY($1)
ORDER BY subject, revision FOR NO KEY UPDATE SKIP LOCKED
"""
ERASE_EVENTS: Final = """
UPDATE outbox SET payload = erased.payload, original_headers = erased.headers
FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::json[])
    AS erased (subject, revision, payload, headers)
WHERE outbox.subject = erased.subject AND outbox.revision = erased.revision
"""

_LETTERS: Final = "FROM dead_letters WHERE order_id = ANY($1) OR key = ANY($2::bytea[])"
LETTERS: Final = f"SELECT id {_LETTERS}"
LOCK_LETTERS: Final = f"SELECT id, value, headers, reason {_LETTERS} FOR NO KEY UPDATE SKIP LOCKED"
ERASE_LETTERS: Final = """
UPDATE dead_letters SET value = erased.value, headers = erased.headers, reason = erased.reason
FROM unnest($1::uuid[], $2::bytea[], $3::json[], $4::text[]) AS erased (id, value, headers, reason)
WHERE dead_letters.id = erased.id
"""

ADD_DEBTS: Final = """
INSERT INTO cache_debts (order_id, owed_at)
SELECT order_id, clock_timestamp() FROM unnest($1::uuid[]) AS stale (order_id) ORDER BY order_id
ON CONFLICT (order_id) DO UPDATE SET owed_at = EXCLUDED.owed_at
RETURNING order_id, owed_at
"""
