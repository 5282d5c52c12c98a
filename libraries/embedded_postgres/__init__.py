"""A real PostgreSQL from a wheel, for one machine: created, started, shared and stopped.

Runs the wheel's programs, and never its Python code, which changes users and folders. Imports the
standard library only.
"""

from libraries.embedded_postgres.embedded import EmbeddedPostgres
from libraries.embedded_postgres.errors import AlreadyServing, EmbeddedPostgresError
from libraries.embedded_postgres.layout import Layout, choose_layout, find_data_dir, has_data
from libraries.embedded_postgres.serve_lock import ServeLock

__all__ = [
    "AlreadyServing",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "Layout",
    "ServeLock",
    "choose_layout",
    "find_data_dir",
    "has_data",
]
