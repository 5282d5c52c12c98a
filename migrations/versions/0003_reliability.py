"""Add replays, parked events, cache debts, leases, and dead letters without a value.

Anything that has to read the whole outbox (building indexes, checking existing rows) is left to
the next migration, which doesn't block reads or writes.
"""

import json
from base64 import b64decode

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

_UPGRADE = (
    # `broker_*` are the partition and offset of the first delivery. `parked_at` is set if the
    # broker has refused the event too often and it is waiting for an operator.
    # `replay_requested_at` is set if a published event is going to be published again, which does
    # not change its first publication. `payload_is_null` is true for tombstones. If it is false, a
    # NULL payload means that the payload has been purged.
    """
ALTER TABLE outbox
    ADD COLUMN broker_partition integer,
    ADD COLUMN broker_offset bigint,
    ADD COLUMN parked_at timestamptz,
    ADD COLUMN replay_requested_at timestamptz,
    ADD COLUMN payload_is_null boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT outbox_unpublished_has_payload,
    ADD CONSTRAINT outbox_unpublished_has_payload
        CHECK (payload IS NOT NULL OR payload_is_null OR published_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT outbox_null_has_no_payload
        CHECK (NOT payload_is_null OR payload IS NULL) NOT VALID,
    ADD CONSTRAINT outbox_replayed_was_published
        CHECK (replay_requested_at IS NULL OR published_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT outbox_parked_waits CHECK (
        parked_at IS NULL OR published_at IS NULL OR replay_requested_at IS NOT NULL
    ) NOT VALID
""",
    "ALTER TABLE dead_letters ALTER COLUMN value DROP NOT NULL",
    # Orders with possibly stale copies in the cache, because the cache was unavailable when their
    # events were published.
    """
CREATE TABLE cache_debts (
    order_id uuid NOT NULL,
    owed_at timestamptz NOT NULL,
    CONSTRAINT cache_debts_pkey PRIMARY KEY (order_id)
)
""",
    "CREATE INDEX cache_debts_by_age ON cache_debts (owed_at)",
    # For work that only one process may do at a time.
    """
CREATE TABLE leases (
    name text NOT NULL,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
)
""",
)

_DOWNGRADE = (
    "DROP TABLE leases, cache_debts",
    "UPDATE dead_letters SET value = '' WHERE value IS NULL",
    "ALTER TABLE dead_letters ALTER COLUMN value SET NOT NULL",
    "UPDATE outbox SET payload_is_null = false, payload = '' WHERE payload_is_null",
    """
ALTER TABLE outbox
    DROP CONSTRAINT outbox_unpublished_has_payload,
    DROP CONSTRAINT outbox_null_has_no_payload,
    DROP COLUMN broker_partition,
    DROP COLUMN broker_offset,
    DROP COLUMN parked_at,
    DROP COLUMN replay_requested_at,
    DROP COLUMN payload_is_null,
    ADD CONSTRAINT outbox_unpublished_has_payload
        CHECK (payload IS NOT NULL OR published_at IS NOT NULL)
""",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for table, column in (("dead_letters", "headers"), ("outbox", "original_headers")):
        _headers_as_strings(table, column)
    for statement in _DOWNGRADE:
        op.execute(statement)


def _headers_as_strings(table: str, column: str) -> None:
    """Turn lists of [name, base64 or null] back into objects of strings, like in revision 0002."""
    connection = op.get_bind()
    lists = f"SELECT ctid::text, {column}::text FROM {table} WHERE json_typeof({column}) = 'array'"  # noqa: S608 - our own names
    where = "ctid = CAST(CAST(:row AS text) AS tid)"
    change = f"UPDATE {table} SET {column} = CAST(:headers AS json) WHERE {where}"  # noqa: S608
    for row, headers in connection.execute(text(lists)).all():
        pairs = json.loads(headers)
        strings = {name: b64decode(value or "").decode(errors="replace") for name, value in pairs}
        connection.execute(text(change), {"headers": json.dumps(strings), "row": row})
