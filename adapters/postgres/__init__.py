"""Orders, accounts, the outbox and their transactions on PostgreSQL, by SQLAlchemy Core on asyncpg.

May import the application, the domain, SQLAlchemy, asyncpg and Alembic.
"""
