"""Create the table for dead letters, and an index for purging payloads."""

from alembic import op

revision = "0002"
down_revision = "0001"

_UPGRADE = (
    # There is no foreign key because most dead letters don't belong to an order.
    """
CREATE TABLE dead_letters (
    id uuid NOT NULL,
    topic text NOT NULL,
    key bytea,
    value bytea NOT NULL,
    headers json NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    order_id uuid,
    at timestamptz NOT NULL,
    replayed_at timestamptz,
    revision integer NOT NULL DEFAULT 1,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_reason_length CHECK (length(reason) BETWEEN 1 AND 1000),
    CONSTRAINT dead_letters_attempts_counted CHECK (attempts >= 0)
)
""",
    "CREATE INDEX dead_letters_waiting ON dead_letters (at, id) WHERE replayed_at IS NULL",
    """
CREATE INDEX dead_letters_of_order ON dead_letters (order_id)
    WHERE replayed_at IS NULL AND order_id IS NOT NULL
""",
    """
CREATE INDEX outbox_to_sweep ON outbox (published_at)
    WHERE published_at IS NOT NULL AND payload IS NOT NULL
""",
)

_DOWNGRADE = (
    "DROP INDEX outbox_to_sweep",
    "DROP TABLE dead_letters",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWNGRADE:
        op.execute(statement)
