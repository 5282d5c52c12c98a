"""`orders migrate`: bring the schema to its newest revision."""

import sys

from entrypoints.composition.embedded import opened_database
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.schema import migrate_schema, schema_fault
from entrypoints.settings import Settings


async def migrate(settings: Settings, *, check: bool) -> int:
    """Bring the schema to head, or only look whether it is there; return the exit status.

    Raises:
        CannotStart: PostgreSQL cannot be started, or does not answer in time.
        Misconfigured: another program made the schema.
    """
    if check:
        fault = await _fault(settings)
        sys.stdout.write(f"{fault or 'The schema is at head.'}\n")
        return 1 if fault else 0
    async with opened_database(settings, may_create=True) as database:
        changed = await migrate_schema(database.url)
    sys.stdout.write("Migrated.\n" if changed else "The schema was at head already.\n")
    return 0


async def _fault(settings: Settings) -> str | None:
    try:
        async with opened_database(settings, may_create=False) as database:
            return await schema_fault(database.url)
    except Misconfigured as error:
        return str(error)
