"""The audit query, which returns a verdict for each order and for each row without an order.

Every condition applies to a single row of `joined`. The query doesn't depend on anything that gets
purged. The only such value it uses is the outcome in a payload, if the payload is still stored.
"""

from collections.abc import Mapping
from typing import Final

# Compare each step with the previous one. An order's steps are numbered by version, starting at 1.
_HISTORIES: Final = """
steps AS (
    SELECT order_id, version, to_status,
           lead(version) OVER its_steps IS NULL AS is_last,
           CASE WHEN version = 1 THEN from_status IS NULL AND to_status = 'PENDING'
                ELSE from_status = lag(to_status) OVER its_steps
                     AND from_status || ' ' || to_status = ANY($3)
           END AS is_legal
    FROM order_history WINDOW its_steps AS (PARTITION BY order_id ORDER BY version)
), histories AS (
    SELECT order_id AS id, count(*) AS steps, min(version) AS first_step, max(version) AS last_step,
           bool_and(coalesce(is_legal, false)) AS is_legal,
           max(to_status) FILTER (WHERE is_last) AS last_status
    FROM steps GROUP BY order_id
)"""

# Compute the version that each fact should have from the previous facts. Only status changes count
# as a step. The outcome is at the end of the payload, after the order. We use `escape` because it
# can decode any bytes. If a payload looks different, its outcome is NULL.
_FACTS: Final = """
facts AS (
    SELECT subject, revision, version, type, topic, published_at, at,
           1 + count(*) FILTER (WHERE type = 'order.status_changed')
               OVER (PARTITION BY subject ORDER BY revision) AS expected_version,
           CASE WHEN type = 'order.processed' THEN nullif(split_part(split_part(
               encode(substring(payload FROM greatest(octet_length(payload) - 79, 1)), 'escape'),
               '"outcome":"', 2), '"', 1), '')
           END AS outcome
    FROM outbox WHERE original_headers IS NULL
), fact_totals AS (
    SELECT subject AS id, count(*) AS facts,
           min(revision) AS first_revision, max(revision) AS last_revision,
           bool_and(
               version = expected_version
               AND (revision = 1) = (type = 'order.created')
               AND type || ' ' || topic = ANY($4)
           ) AS is_right,
           count(*) FILTER (WHERE type = 'order.processed') AS processings,
           max(version) FILTER (WHERE type = 'order.processed') AS processed_version,
           max(outcome) AS payload_outcome,
           bool_or(revision = 1 AND published_at IS NOT NULL) AS is_published,
           bool_or(revision = 1 AND published_at IS NULL) AS waits,
           count(*) FILTER (WHERE published_at IS NULL) AS unpublished,
           min(at) FILTER (WHERE published_at IS NULL) AS oldest
    FROM facts GROUP BY subject
)"""

_EFFECTS: Final = """
recorded AS (
    SELECT order_id AS id, count(*) AS effects,
           min(outcome) AS one_outcome, max(outcome) AS another_outcome
    FROM effects GROUP BY order_id
), admitted AS (
    SELECT order_id AS id, true AS is_admitted FROM inbox WHERE consumer = $5
), dead AS (
    SELECT DISTINCT order_id AS id, true AS is_dead
    FROM dead_letters WHERE replayed_at IS NULL AND order_id IS NOT NULL
)"""

_JOINED: Final = """
joined AS (
    SELECT id, its.version IS NOT NULL AS is_order, its.status, its.version, its.revision,
           its.created_at, its.processed_at IS NOT NULL AS is_processed,
           facts, first_revision, last_revision, is_right, processings, processed_version,
           payload_outcome, is_published, waits, unpublished, oldest,
           steps, first_step, last_step, is_legal, last_status,
           effects, one_outcome, another_outcome, is_admitted, is_dead,
           -- CANCELED is final, so it was the status at the processing if no step came later.
           CASE WHEN last_status = 'CANCELED' AND last_step = processed_version
                THEN 'skipped' ELSE 'fulfilled' END AS expected_outcome
    FROM orders AS its
    FULL JOIN fact_totals USING (id)
    FULL JOIN histories USING (id)
    FULL JOIN recorded USING (id)
    FULL JOIN admitted USING (id)
    LEFT JOIN dead USING (id)
)"""

# A dead letter's events alternate between its copy and the message that was replayed.
_DEAD_LETTERS: Final = """
copies AS (
    SELECT subject AS id, count(*) AS copies,
           min(revision) AS first_copy, max(revision) AS last_copy,
           bool_and((revision % 2 = 1) = (topic = 'new_order.dlq')) AS is_right,
           count(*) FILTER (WHERE published_at IS NULL) AS unpublished,
           min(at) FILTER (WHERE published_at IS NULL) AS oldest
    FROM outbox WHERE original_headers IS NOT NULL
    GROUP BY subject
), joined_dead_letters AS (
    SELECT id, letter.revision, copies, first_copy, last_copy, is_right, unpublished, oldest
    FROM dead_letters AS letter FULL JOIN copies USING (id)
)"""

#: Conditions under which a row of `joined` is reported as lost.
LOST: Final[Mapping[str, str]] = {
    "fact-without-order": "NOT is_order AND facts > 0",
    "history-without-order": "NOT is_order AND steps > 0",
    "effect-without-order": "NOT is_order AND effects > 0",
    "inbox-row-without-order": "NOT is_order AND is_admitted",
    "facts-differ-from-revision": (
        "is_order AND (facts, first_revision, last_revision)"
        " IS DISTINCT FROM (revision::bigint, 1, revision)"
    ),
    "fact-of-wrong-type-topic-or-version": "is_order AND NOT is_right",
    "facts-differ-from-processing": "is_order AND processings <> is_processed::int",
    "history-differs-from-version": (
        "is_order AND (steps, first_step, last_step) IS DISTINCT FROM (version::bigint, 1, version)"
    ),
    "history-contradicts-lifecycle": "is_order AND NOT is_legal",
    "history-differs-from-status": "is_order AND last_status <> status",
    "effect-missing": "is_processed AND effects IS NULL",
    "inbox-row-missing": "is_processed AND is_admitted IS NULL",
    "effect-of-unprocessed-order": "is_order AND NOT is_processed AND effects > 0",
    "inbox-row-of-unprocessed-order": "is_order AND NOT is_processed AND is_admitted",
    "outcome-differs": (
        "is_processed AND processed_version IS NOT NULL AND effects > 0"
        " AND NOT (expected_outcome = one_outcome AND one_outcome = another_outcome"
        " AND coalesce(payload_outcome, expected_outcome) = expected_outcome)"
    ),
}
#: Conditions under which a row of `joined_dead_letters` is reported as lost.
LOST_DEAD_LETTERS: Final[Mapping[str, str]] = {
    "copy-without-dead-letter": "revision IS NULL",
    "dead-letter-without-copy": (
        "revision IS NOT NULL AND (copies, first_copy, last_copy)"
        " IS DISTINCT FROM (revision::bigint, 1, revision)"
    ),
    "copy-on-wrong-topic": "NOT is_right",
}


def _reasons(conditions: Mapping[str, str]) -> str:
    cases = (f"CASE WHEN {condition} THEN '{name}' END" for name, condition in conditions.items())
    return f"array_remove(ARRAY[{', '.join(cases)}], NULL)"


#: Parameters:
#: - $1: the creation time up to which unprocessed orders are stuck
#: - $2: whether the broker is unavailable
#: - $3: the allowed transitions
#: - $4: the event types with their topics
#: - $5: the consumer that processes orders (other inbox rows are ignored)
AUDIT: Final = f"""
WITH {_HISTORIES}, {_FACTS}, {_EFFECTS}, {_JOINED}, {_DEAD_LETTERS}
SELECT id, is_order, coalesce(is_published, false) AS is_published,
       coalesce(is_processed, false) AS is_processed,
       coalesce(effects > 1, false) AS is_duplicated,
       is_order AND NOT is_processed AND (
           is_dead IS NOT NULL OR created_at <= $1 AND NOT (coalesce(waits, false) AND $2)
       ) AS is_stuck,
       coalesce(unpublished, 0) AS unpublished, oldest, {_reasons(LOST)} AS reasons
FROM joined
UNION ALL
SELECT id, false, false, false, false, false, coalesce(unpublished, 0), oldest,
       {_reasons(LOST_DEAD_LETTERS)}
FROM joined_dead_letters
"""  # noqa: S608 - only contains our own constants
