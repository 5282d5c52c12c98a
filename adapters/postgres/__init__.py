"""Orders, accounts, the outbox and their transactions in PostgreSQL.

asyncpg runs the statements, on one pool of connections (ADR 26). The hot paths are SQL of our own:
one statement, one round trip (ADR 5). SQLAlchemy keeps the tables, the migrations and cold paths.

May import the application, the domain, SQLAlchemy, asyncpg and Alembic.
"""
