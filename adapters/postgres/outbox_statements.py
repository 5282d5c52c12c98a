"""The relay's SQL statements."""

from typing import Final

#: An advisory lock, held from when positions are assigned until the transaction commits, so readers
#: see positions in ascending order. The number is "outbox" in ASCII.
POSITIONS_LOCK: Final = 0x6F7574626F78

_WAITED_SECONDS: Final = "extract(epoch FROM now() - coalesce(replay_requested_at, at))::float8"

#: This has to be executed before `BEGIN_MARKING`, or undoing the marks would release the lock.
LOCK_POSITIONS: Final = f"SELECT pg_advisory_xact_lock({POSITIONS_LOCK})"
BEGIN_MARKING: Final = "SAVEPOINT marking"
UNDO_MARKING: Final = "ROLLBACK TO SAVEPOINT marking"

#: PostgreSQL's statistics don't immediately reflect that many events are waiting during an outage,
#: so it would sort all of them in each round. The indexes are already sorted.
WALK_ALONG_INDEXES: Final = "SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off"

# An event isn't eligible while an earlier event of the same order is unpublished. Locks aren't
# enough to ensure this, because a second relay could lock an order's third event while the first
# relay has the second one. The conditions on `earlier` are written so they don't match any partial
# index. This makes PostgreSQL use the primary key, which only finds a few rows. Without up-to-date
# statistics, it would otherwise read all unpublished rows for each row.
_IS_FIRST_OF_ORDER: Final = """NOT EXISTS (
    SELECT FROM outbox AS earlier
    WHERE earlier.subject = waiting.subject AND earlier.revision < waiting.revision
      AND coalesce(earlier.published_at, 'infinity') = 'infinity'
)"""
_IS_FIRST_REPLAY_OF_ORDER: Final = """NOT EXISTS (
    SELECT FROM outbox AS earlier
    WHERE earlier.subject = waiting.subject AND earlier.revision < waiting.revision
      AND coalesce(earlier.replay_requested_at, 'infinity') < 'infinity'
)"""

# Three separate index scans, because a single statement would have to sort all waiting events.

SELECT_NEW: Final = f"""
SELECT *, {_WAITED_SECONDS} AS waited_seconds FROM outbox AS waiting
WHERE published_at IS NULL AND retry_at IS NULL AND parked_at IS NULL AND {_IS_FIRST_OF_ORDER}
ORDER BY at, subject, revision
LIMIT $1
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - only contains our own constants

SELECT_RETRIES: Final = f"""
SELECT *, {_WAITED_SECONDS} AS waited_seconds FROM outbox AS waiting
WHERE retry_at <= now() AND published_at IS NULL AND {_IS_FIRST_OF_ORDER}
ORDER BY retry_at, subject, revision
LIMIT $1
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - see above

SELECT_REPLAYS: Final = f"""
SELECT *, {_WAITED_SECONDS} AS waited_seconds FROM outbox AS waiting
WHERE replay_requested_at IS NOT NULL AND parked_at IS NULL
  AND (retry_at IS NULL OR retry_at <= now()) AND {_IS_FIRST_REPLAY_OF_ORDER}
ORDER BY replay_requested_at, subject, revision
LIMIT $1
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - see above

# One round trip for both, because there are rarely any. The rows keep the order of their scans.
SELECT_OTHERS: Final = f"""
WITH retries AS MATERIALIZED ({SELECT_RETRIES}), replays AS MATERIALIZED ({SELECT_REPLAYS})
SELECT * FROM retries UNION ALL SELECT * FROM replays
"""  # noqa: S608 - see above

# The sort order matches the indexes. Without it, PostgreSQL might scan the whole table if there are
# no waiting events.
HAS_WORK: Final = """
SELECT EXISTS (
    SELECT FROM outbox WHERE published_at IS NULL AND parked_at IS NULL
    ORDER BY at, subject, revision LIMIT 1
) OR EXISTS (
    SELECT FROM outbox WHERE replay_requested_at IS NOT NULL AND parked_at IS NULL
    ORDER BY replay_requested_at, subject, revision LIMIT 1
) OR EXISTS (SELECT FROM cache_debts LIMIT 1)
"""

# nextval is called once per row, in the order of the arrays.
MARK_PUBLISHED: Final = """
UPDATE outbox SET published_at = clock_timestamp(), position = nextval('outbox_position'),
                  broker_partition = sent.partition, broker_offset = sent.log_offset,
                  last_error = NULL, retry_at = NULL
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[])
    AS sent (subject, revision, partition, log_offset)
WHERE outbox.subject = sent.subject AND outbox.revision = sent.revision
"""

MARK_REPLAYED: Final = """
UPDATE outbox SET replay_requested_at = NULL, last_error = NULL, retry_at = NULL
FROM unnest($1::uuid[], $2::int[]) AS sent (subject, revision)
WHERE outbox.subject = sent.subject AND outbox.revision = sent.revision
"""

# If `wait_seconds` is NULL, the event is parked.
MARK_REJECTED: Final = """
UPDATE outbox SET attempts = attempts + 1, last_error = rejected.reason,
    retry_at = clock_timestamp() + rejected.wait_seconds * interval '1 second',
    parked_at = CASE WHEN rejected.wait_seconds IS NULL THEN clock_timestamp() END
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[])
    AS rejected (subject, revision, reason, wait_seconds)
WHERE outbox.subject = rejected.subject AND outbox.revision = rejected.revision
"""

# If `wait_seconds` is NULL, the event is eligible immediately.
MARK_POSTPONED: Final = """
UPDATE outbox SET last_error = postponed.reason,
    retry_at = clock_timestamp() + postponed.wait_seconds * interval '1 second'
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[])
    AS postponed (subject, revision, reason, wait_seconds)
WHERE outbox.subject = postponed.subject AND outbox.revision = postponed.revision
"""

# Sorted by id to prevent a deadlock between two relays.
ADD_CACHE_DEBTS: Final = """
INSERT INTO cache_debts (order_id, owed_at)
SELECT order_id, clock_timestamp() FROM unnest($1::uuid[]) AS stale (order_id) ORDER BY order_id
ON CONFLICT (order_id) DO UPDATE SET owed_at = EXCLUDED.owed_at
"""
