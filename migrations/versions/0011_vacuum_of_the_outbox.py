"""Vacuum the outbox after a number of changes instead of a share of the table.

The relay's index of unpublished events keeps an entry for each published event until the next
vacuum. PostgreSQL's default is a fifth of the table's rows, so reading the next events would take
longer the more orders there are (docs/scaling.md). You can repeat the migration if it fails.
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE outbox SET"
        " (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000)"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
    )
