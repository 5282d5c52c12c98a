"""SQL that damages stored facts while triggers are off, and the reasons that the audit reports."""

from collections.abc import Mapping, Sequence
from typing import Final

_FACT: Final = (
    "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, position,"
    " published_at) VALUES ($1, {}, {}, gen_random_uuid(), '{}', '{}', '', now(),"
    " nextval('outbox_position'), now())"
)
_EFFECT: Final = "INSERT INTO effects (order_id, outcome, at) VALUES ($1, '{}', now())"
#: SQL statements, the name of the damaged order, and the expected reasons.
ORDER_DAMAGES: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "effect missing": ("DELETE FROM effects WHERE order_id = $1", "paid", ["effect-missing"]),
    "inbox row missing": ("DELETE FROM inbox WHERE order_id = $1", "paid", ["inbox-row-missing"]),
    "effect of an unprocessed order": (
        _EFFECT.format("fulfilled"),
        "pending",
        ["effect-of-unprocessed-order"],
    ),
    "inbox row of an unprocessed order": (
        "INSERT INTO inbox VALUES ($1, now(), 'order-processing')",
        "pending",
        ["inbox-row-of-unprocessed-order"],
    ),
    "effect without an order": (
        _EFFECT.format("skipped"),
        "unknown",
        ["effect-without-order"],
    ),
    "inbox row without an order": (
        "INSERT INTO inbox VALUES ($1, now(), 'order-processing')",
        "unknown",
        ["inbox-row-without-order"],
    ),
    "step without an order": (
        "INSERT INTO order_history VALUES ($1, 1, NULL, 'PENDING', 'system', NULL, NULL, now())",
        "unknown",
        ["history-without-order"],
    ),
    "fact without an order": (
        _FACT.format(1, 1, "new_order", "order.created"),
        "unknown",
        ["fact-without-order"],
    ),
    "order deleted": (
        "DELETE FROM orders WHERE id = $1",
        "paid",
        [
            "fact-without-order",
            "history-without-order",
            "effect-without-order",
            "inbox-row-without-order",
        ],
    ),
    "fulfilled order's effect is skipped": (
        "UPDATE effects SET outcome = 'skipped' WHERE order_id = $1",
        "paid",
        ["outcome-differs"],
    ),
    "canceled order's effect is fulfilled": (
        "UPDATE effects SET outcome = 'fulfilled' WHERE order_id = $1",
        "canceled",
        ["outcome-differs"],
    ),
    "status is not the last step's": (
        "UPDATE orders SET status = 'CANCELED' WHERE id = $1",
        "paid",
        ["history-differs-from-status"],
    ),
    "last step is not the status": (
        "UPDATE order_history SET to_status = 'CANCELED' WHERE order_id = $1 AND version = 3",
        "paid",
        ["history-differs-from-status"],
    ),
    "step that the lifecycle does not have": (
        (
            "UPDATE order_history SET to_status = 'SHIPPED' WHERE order_id = $1 AND version = 2;"
            "UPDATE order_history SET from_status = 'SHIPPED' WHERE order_id = $1 AND version = 3"
        ),
        "paid",
        ["history-contradicts-lifecycle"],
    ),
    "step with another beginning than the previous end": (
        (
            "UPDATE orders SET status = 'CANCELED' WHERE id = $1;"
            "UPDATE order_history SET from_status = 'PENDING', to_status = 'CANCELED'"
            " WHERE order_id = $1 AND version = 3"
        ),
        "paid",
        ["history-contradicts-lifecycle"],
    ),
    "gap in the history hidden by another row": (
        "UPDATE order_history SET version = 4 WHERE order_id = $1 AND version = 2",
        "paid",
        [
            "history-differs-from-version",
            "history-contradicts-lifecycle",
            "history-differs-from-status",
        ],
    ),
    "version without its step": (
        "DELETE FROM order_history WHERE order_id = $1 AND version = 3",
        "paid",
        ["history-differs-from-version", "history-differs-from-status"],
    ),
    "fact of the wrong type": (
        "UPDATE outbox SET type = 'order.processed' WHERE subject = $1 AND revision = 2",
        "paid",
        ["fact-of-wrong-type-topic-or-version", "facts-differ-from-processing"],
    ),
    "first fact of another type": (
        (
            "UPDATE outbox SET type = 'order.status_changed', topic = 'order_status_changed'"
            " WHERE subject = $1 AND revision = 1"
        ),
        "pending",
        ["fact-of-wrong-type-topic-or-version"],
    ),
    "fact of an unknown type": (
        "UPDATE outbox SET type = 'dead_letter' WHERE subject = $1 AND revision = 1",
        "pending",
        ["fact-of-wrong-type-topic-or-version"],
    ),
    "fact on the wrong topic": (
        "UPDATE outbox SET topic = 'new_order' WHERE subject = $1 AND revision = 3",
        "paid",
        ["fact-of-wrong-type-topic-or-version"],
    ),
    "fact of the wrong version": (
        "UPDATE outbox SET version = 3 WHERE subject = $1 AND revision = 2",
        "paid",
        ["fact-of-wrong-type-topic-or-version"],
    ),
    "gap in the facts hidden by another row": (
        "UPDATE outbox SET revision = 9 WHERE subject = $1 AND revision = 4",
        "paid",
        ["facts-differ-from-revision"],
    ),
    "fact hidden by a row before the first": (
        "UPDATE outbox SET revision = 0 WHERE subject = $1 AND revision = 4",
        "paid",
        ["facts-differ-from-revision", "fact-of-wrong-type-topic-or-version"],
    ),
    "fact of a step that is not there": (
        _FACT.format(5, 4, "order_status_changed", "order.status_changed"),
        "paid",
        ["facts-differ-from-revision"],
    ),
    "processed without its fact": (
        "DELETE FROM outbox WHERE subject = $1 AND type = 'order.processed'",
        "canceled",
        ["facts-differ-from-revision", "facts-differ-from-processing"],
    ),
}
#: SQL statements and expected reasons for a replayed dead letter.
DEAD_LETTER_DAMAGES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "copy missing": (
        "DELETE FROM outbox WHERE subject = $1 AND revision = 1",
        ["dead-letter-without-copy"],
    ),
    "copy and message missing": (
        "DELETE FROM outbox WHERE subject = $1",
        ["dead-letter-without-copy"],
    ),
    "message put back missing": (
        "DELETE FROM outbox WHERE subject = $1 AND revision = 2",
        ["dead-letter-without-copy"],
    ),
    "copy on another topic": (
        "UPDATE outbox SET topic = 'new_order' WHERE subject = $1 AND revision = 1",
        ["copy-on-wrong-topic"],
    ),
    "dead letter missing": ("DELETE FROM dead_letters WHERE id = $1", ["copy-without-dead-letter"]),
}
