"""The script that Alembic runs. It uses the caller's connection.

Each migration runs in its own transaction. Statements that can't run in a transaction, such as
`CREATE INDEX CONCURRENTLY`, go into an `autocommit_block()`. Make sure that such a migration can
be repeated.
"""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from adapters.postgres.schema_state import MARKER


def _mark(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    """Mark Alembic's table as ours, in the same transaction as the migration."""
    del ctx, step, heads, run_args  # Alembic passes them by name
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{MARKER}'")


connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True, on_version_apply=_mark)
with context.begin_transaction():
    context.run_migrations()
