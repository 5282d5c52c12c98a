"""The migrations of the schema, run by Alembic.

Each migration is literal SQL and does not import the code of the service, which changes later. The
SQL of a released migration is never edited. May import Alembic, nothing else.
"""
