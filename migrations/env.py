"""Alembic's entry: runs the migrations on the connection that the caller has opened.

Each migration is a transaction of its own; statements that cannot run in one (`CREATE INDEX
CONCURRENTLY`) stand in an `autocommit_block()`, in a migration that can be repeated.
"""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from adapters.postgres.schema_state import MARKER


def _mark(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    """Mark the table of revisions as ours, in the migration's own transaction."""
    del ctx, step, heads, run_args  # passed by Alembic, by name
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{MARKER}'")


connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True, on_version_apply=_mark)
with context.begin_transaction():
    context.run_migrations()
