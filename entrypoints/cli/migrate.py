"""`orders migrate`: the schema, to its newest revision."""

import sys

from entrypoints.composition.embedded import opened_database
from entrypoints.composition.schema import bring_to_head, schema_is_at_head
from entrypoints.settings import Settings


async def migrate(settings: Settings, *, check: bool) -> int:
    """Bring the schema to head, or look whether it is there; the exit status.

    Raises:
        CannotStart: there is no database to be had.
    """
    async with opened_database(settings) as database:
        if check:
            fine = await schema_is_at_head(database.url)
            sys.stdout.write("The schema is at head.\n" if fine else "The schema is behind.\n")
            return 0 if fine else 1
        changed = await bring_to_head(database.url)
    sys.stdout.write("Migrated.\n" if changed else "The schema was at head already.\n")
    return 0
