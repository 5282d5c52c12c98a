"""Orders, accounts, the outbox, their transactions: PostgreSQL, by SQLAlchemy's pool and tables.

The hot paths are SQL of our own on asyncpg (ADR 5): one statement, one round trip.

May import the application, the domain, SQLAlchemy, asyncpg and Alembic.
"""
