"""The schema migrations, run by Alembic.

Migrations are literal SQL. They don't import the service's code, because that code will change.
Once a migration has been released, its SQL is never edited. Apart from the standard library, they
may only import Alembic and SQLAlchemy.
"""
