"""Store since when older tokens of the outside issuer are refused.

A closed account's subject is replaced by a hash. Processes of the previous release don't fill in
any of this. You can repeat the migration if it fails.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

_CREATE = """
CREATE TABLE IF NOT EXISTS closed_subjects (
    digest bytea NOT NULL,
    closed_at timestamptz NOT NULL,
    CONSTRAINT closed_subjects_pkey PRIMARY KEY (digest),
    CONSTRAINT closed_subjects_digest_length CHECK (length(digest) = 32)
)
"""
_CHANGED = "OLD.role <> NEW.role OR OLD.disabled <> NEW.disabled OR OLD.email <> NEW.email"
_ENDED = "OLD.outside_tokens_ended_at IS DISTINCT FROM NEW.outside_tokens_ended_at"


def _replace_trigger(condition: str) -> None:
    op.execute("DROP TRIGGER IF EXISTS users_access_changed ON users")
    op.execute(
        "CREATE TRIGGER users_access_changed AFTER UPDATE ON users FOR EACH ROW"
        f" WHEN ({condition}) EXECUTE FUNCTION users_note_access_change()"
    )


def upgrade() -> None:
    op.execute(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS outside_tokens_ended_at timestamptz,"
        " ADD COLUMN IF NOT EXISTS kept_outside_token uuid"
    )
    _replace_trigger(f"{_CHANGED} OR {_ENDED}")
    op.execute(_CREATE)


def downgrade() -> None:
    _replace_trigger(_CHANGED)
    op.execute(
        "ALTER TABLE users DROP COLUMN IF EXISTS outside_tokens_ended_at,"
        " DROP COLUMN IF EXISTS kept_outside_token"
    )
    op.execute("DROP TABLE IF EXISTS closed_subjects")
