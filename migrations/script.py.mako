"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("")  # one statement each: asyncpg takes no more


def downgrade() -> None:
    op.execute("")  # one statement each: asyncpg takes no more
