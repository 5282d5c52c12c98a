"""Key the inbox by consumer and message.

Existing rows belong to the consumer that processes orders. Processes of the previous release still
insert rows for that consumer, but don't fill in the new column. That's why it has a default. For
the same reason, `order_id` keeps its name until the next release, although it is now the id of a
message.

You can repeat the migration if it fails.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_EXPIRING = "(admitted_at) WHERE consumer <> 'order-processing'"


def _replace_key(columns: str) -> None:
    """Replace the inbox's primary key. Building the index does not block the service."""
    op.execute("DROP INDEX CONCURRENTLY IF EXISTS inbox_key_new")
    op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY inbox_key_new ON inbox ({columns})")
    op.execute(
        "ALTER TABLE inbox DROP CONSTRAINT IF EXISTS inbox_pkey,"
        " ADD CONSTRAINT inbox_pkey PRIMARY KEY USING INDEX inbox_key_new"
    )


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE inbox"
            " ADD COLUMN IF NOT EXISTS consumer text NOT NULL DEFAULT 'order-processing'"
        )
        _replace_key("consumer, order_id")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS inbox_expiring")
        op.execute(f"CREATE INDEX CONCURRENTLY inbox_expiring ON inbox {_EXPIRING}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DELETE FROM inbox WHERE consumer <> 'order-processing'")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS inbox_expiring")
        _replace_key("order_id")
        op.execute("ALTER TABLE inbox DROP COLUMN IF EXISTS consumer")
