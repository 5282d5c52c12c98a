"""The schema's history, run by Alembic; each step is literal SQL and never imports today's code.

A step that has been released is never edited. May import Alembic, nothing else.
"""
