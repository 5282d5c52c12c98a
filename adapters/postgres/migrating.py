"""Bringing the schema to its newest revision, in any number of processes at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

if TYPE_CHECKING:
    from alembic.config import Config

#: Of this service's migrations, among all advisory locks of the database ("orders" in ASCII).
_LOCK: Final = 0x6F7264657273
_STEPS: Final = Path(__file__).parents[2] / "migrations"


async def migrate(engine: AsyncEngine) -> bool:
    """Bring the schema to head; whether there was anything to do.

    Whoever comes second waits for the first, then finds the work done.
    """
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return await connection.run_sync(_upgrade)


async def is_at_head(engine: AsyncEngine) -> bool:
    """Whether the schema is at its newest revision, or at one of a later release."""
    async with engine.connect() as connection:
        return await connection.run_sync(_is_at_head)


def head() -> str:
    """The newest revision: the number that the last migration's file begins with."""
    return max(step.name.partition("_")[0] for step in _STEPS.glob("versions/[0-9]*.py"))


def alembic_config(connection: Connection | None = None) -> "Config":
    """Alembic's configuration for this service, over an open connection."""
    # Imported where there is something to do: it would cost every warm start its time and memory.
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> bool:
    if _is_at_head(connection):
        return False
    from alembic import command  # noqa: PLC0415 - as above

    command.upgrade(alembic_config(connection), "head")
    return True


def _is_at_head(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return current is not None and current >= head()
