"""The script that Alembic runs. It uses the connection of the caller.

Each migration is a transaction of its own. Statements that cannot run in a transaction, such as
`CREATE INDEX CONCURRENTLY`, belong in an `autocommit_block()`, in a migration that can be repeated.
"""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from adapters.postgres.schema_state import MARKER


def _mark(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    """Mark Alembic's table as ours, in the transaction of the migration."""
    del ctx, step, heads, run_args  # Alembic passes them by name
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{MARKER}'")


connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True, on_version_apply=_mark)
with context.begin_transaction():
    context.run_migrations()
