"""Store orders, accounts, the outbox and everything else in PostgreSQL.

All statements are executed by asyncpg on a single connection pool (ADR 26). Hot paths use
handwritten SQL with one statement, and therefore one round trip (ADR 5). SQLAlchemy is used for
the table definitions, migrations and cold paths.

This package may only import the application, the domain, SQLAlchemy, asyncpg and Alembic.
"""
