"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("")  # one statement per call, because asyncpg does not accept more


def downgrade() -> None:
    op.execute("")  # one statement per call, because asyncpg does not accept more
