"""Store processed orders with group commit (ADR 39)."""

from collections.abc import Sequence
from typing import Any, Final

from adapters.postgres.connection import Connection
from application.ports.transaction import Completion

# Everything depends on the rows that the UPDATE has changed. Of two calls for the same order in one
# batch, it only executes one. Each event has a new id, so it identifies the call. Rows that another
# transaction has locked are skipped: waiting for it would delay all calls of the batch. Processing
# changes neither the status nor the version, and the same revision has the same ones.
_COMPLETE: Final = """
WITH calls AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::uuid[],
                         $6::text[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::text[])
        AS call (id, revision, version, at, event_id, topic, type, payload, traceparent, consumer,
                 outcome)
), locked AS (
    SELECT id FROM orders WHERE id = ANY($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
), saved AS (
    UPDATE orders SET revision = calls.revision, updated_at = calls.at, processed_at = calls.at
    FROM calls JOIN locked USING (id)
    WHERE orders.id = calls.id AND orders.revision = calls.revision - 1
      AND NOT EXISTS (SELECT FROM inbox
                      WHERE inbox.consumer = calls.consumer AND inbox.order_id = calls.id)
    RETURNING calls.*
), added AS (
    INSERT INTO inbox (consumer, order_id, admitted_at) SELECT consumer, id, at FROM saved
), recorded AS (
    INSERT INTO effects (order_id, outcome, at) SELECT id, outcome, at FROM saved
), announced AS (
    INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
    SELECT id, revision, version, event_id, topic, type, payload, at, traceparent FROM saved
)
SELECT event_id, EXISTS (SELECT FROM inbox
                         WHERE inbox.consumer = calls.consumer AND inbox.order_id = calls.id)
FROM calls WHERE event_id NOT IN (SELECT event_id FROM saved)
"""


async def complete_batch(
    connection: Connection, completions: Sequence[Completion]
) -> Sequence[bool | None]:
    """Return True for each stored order, False if it is in the inbox, None if it has changed."""
    if not completions:
        return []
    columns = zip(*map(_parameters, completions), strict=True)
    rows = await connection.fetch(_COMPLETE, *map(list, columns))
    rejected = {event_id: False if is_in_inbox else None for event_id, is_in_inbox in rows}
    return [rejected.get(each.write.event.id, True) for each in completions]


def _parameters(completion: Completion) -> tuple[Any, ...]:
    record, event = completion.write.record, completion.write.event
    return (
        record.id,
        record.revision,
        record.version,
        event.at,
        event.id,
        event.topic,
        event.type,
        event.payload,
        event.traceparent,
        completion.consumer,
        completion.outcome,
    )
