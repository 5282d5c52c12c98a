"""Create the table for erasures of personal data, and an index for the reasons that a user wrote.

The index is built while the service is running. You can repeat the migration if it fails.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

# A row stays after its erasure is complete, as evidence. It only has a random id. `position` is the
# last order that the current pass has erased.
_CREATE = """
CREATE TABLE IF NOT EXISTS erasures (
    user_id uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    due_at timestamptz,
    completed_at timestamptz,
    passes integer NOT NULL DEFAULT 0,
    position uuid,
    has_skipped boolean NOT NULL DEFAULT false,
    CONSTRAINT erasures_pkey PRIMARY KEY (user_id),
    CONSTRAINT erasures_user_exists FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT erasures_due_until_completed CHECK ((due_at IS NULL) = (completed_at IS NOT NULL))
)
"""
_INDEX = "order_history_reasons"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {_INDEX} ON order_history (actor_id)"
            " WHERE reason IS NOT NULL"
        )
    op.execute(_CREATE)
    op.execute(
        "CREATE INDEX IF NOT EXISTS erasures_due ON erasures (due_at) WHERE due_at IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS erasures")
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_INDEX}")
