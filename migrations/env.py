"""Alembic's entry: runs the steps on the connection that the caller has opened.

Each migration is a transaction of its own; what cannot run in one (`CREATE INDEX CONCURRENTLY`)
stands in an `autocommit_block()`, in a migration that can be repeated.
"""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
