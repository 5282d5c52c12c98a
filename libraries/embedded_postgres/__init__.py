"""A real PostgreSQL from a wheel, for one machine: found, made, started, shared and stopped here.

Drives the wheel's programs alone; its Python helper, which changes users and folders, never runs.
Imports the standard library only, and no other adapter.
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
