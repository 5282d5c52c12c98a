"""Build the indexes and validate the checks of migration 0003 while the service is running.

The statements can't run in one transaction. You can repeat the migration if it fails, because it
drops unfinished indexes and builds them again.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

_CHECKS = (
    "outbox_unpublished_has_payload",
    "outbox_null_has_no_payload",
    "outbox_replayed_was_published",
    "outbox_parked_waits",
)
_INDEXES = {
    # By age, which finds the oldest unpublished event without a scan.
    "outbox_unpublished": "(at, subject, revision) WHERE published_at IS NULL",
    "outbox_replays": (
        "(replay_requested_at, subject, revision) WHERE replay_requested_at IS NOT NULL"
    ),
    "outbox_retries": "(retry_at, subject, revision) WHERE retry_at IS NOT NULL",
    "outbox_parked": "(parked_at) WHERE parked_at IS NOT NULL",
    # Includes tombstones. They don't have a payload to purge, but they can be replayed.
    "outbox_to_sweep": (
        "(published_at) WHERE published_at IS NOT NULL AND (payload IS NOT NULL OR payload_is_null)"
    ),
}
#: The definitions before this migration. The other indexes did not exist yet.
_INDEXES_BEFORE = {
    "outbox_unpublished": "(subject, revision) WHERE published_at IS NULL",
    "outbox_to_sweep": "(published_at) WHERE published_at IS NOT NULL AND payload IS NOT NULL",
}


def _build(name: str, definition: str) -> None:
    """Build an index on the outbox, replacing an older one with the same name."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}_new")
    op.execute(f"CREATE INDEX CONCURRENTLY {name}_new ON outbox {definition}")
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"ALTER INDEX {name}_new RENAME TO {name}")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in _CHECKS:
            op.execute(f"ALTER TABLE outbox VALIDATE CONSTRAINT {name}")
        for name, definition in _INDEXES.items():
            _build(name, definition)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in _INDEXES.keys() - _INDEXES_BEFORE.keys():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        for name, definition in _INDEXES_BEFORE.items():
            _build(name, definition)
