"""Create the table that maps subjects of the outside issuer to accounts.

You can repeat the migration if it fails.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

# The foreign key is checked at the end of the transaction, because the subject is stored first:
# a concurrent request for the same subject then waits instead of failing.
_CREATE = """
CREATE TABLE IF NOT EXISTS outside_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT outside_identities_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT outside_identities_user_exists FOREIGN KEY (user_id) REFERENCES users (id)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT outside_identities_length
        CHECK (length(issuer) <= 500 AND length(subject) BETWEEN 1 AND 255)
)
"""


def upgrade() -> None:
    op.execute(_CREATE)
    op.execute(
        "CREATE INDEX IF NOT EXISTS outside_identities_of_user ON outside_identities (user_id)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS outside_identities")
