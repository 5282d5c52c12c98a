"""Store the predecessor of each refresh token.

Processes of the previous release don't fill in the new column. You can repeat the migration if it
fails.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE refresh_tokens ADD COLUMN IF NOT EXISTS predecessor_hash bytea")


def downgrade() -> None:
    op.execute("ALTER TABLE refresh_tokens DROP COLUMN IF EXISTS predecessor_hash")
