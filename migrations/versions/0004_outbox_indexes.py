"""The indexes and checks of migration 0003, made while the service reads and writes.

None of it can be in one transaction with the rest, so all of it can be repeated after a failure: an
index that was not finished is dropped and built once more.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

_CHECKS = (
    "outbox_unpublished_has_payload",
    "outbox_null_has_no_payload",
    "outbox_replayed_was_published",
    "outbox_parked_is_unpublished",
)
_REPLAYS = "(replay_requested_at, subject, revision) WHERE replay_requested_at IS NOT NULL"
# By age: the oldest unpublished event is found without counting the others.
_BY_AGE = "(at, subject, revision) WHERE published_at IS NULL"
_BY_ORDER = "(subject, revision) WHERE published_at IS NULL"


def _build(name: str, definition: str) -> None:
    """Build an index of the outbox, in place of an older one of that name."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}_new")
    op.execute(f"CREATE INDEX CONCURRENTLY {name}_new ON outbox {definition}")
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"ALTER INDEX {name}_new RENAME TO {name}")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in _CHECKS:
            op.execute(f"ALTER TABLE outbox VALIDATE CONSTRAINT {name}")
        _build("outbox_unpublished", _BY_AGE)
        _build("outbox_replays", _REPLAYS)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS outbox_replays")
        _build("outbox_unpublished", _BY_ORDER)
