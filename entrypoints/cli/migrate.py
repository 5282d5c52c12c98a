"""`orders migrate`: bring the schema to its newest revision."""

import sys

from entrypoints.cli.run import configured, run
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.startup import opened_storage
from entrypoints.settings import Settings


def migrate(*, check: bool = False) -> None:
    """Bring the schema to its newest revision; safe in N replicas.

    Parameters
    ----------
    check
        Change nothing; exit with 1 if the schema is behind, missing or another program's.
    """
    run(_migrate(configured(), check=check))


async def _migrate(settings: Settings, *, check: bool) -> int:
    """Migrate the schema to head, or only check if it is there. Return the exit status.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the storage cannot be started, or does not respond in time.
        Misconfigured: the schema belongs to another program.
    """
    if check:
        problem = await _problem(settings)
        sys.stdout.write(f"{problem or 'The schema is at head.'}\n")
        return 1 if problem else 0
    async with opened_storage(settings, may_create=True) as storage:
        changed = await storage.migrate()
    sys.stdout.write("Migrated.\n" if changed else "The schema was at head already.\n")
    return 0


async def _problem(settings: Settings) -> str | None:
    try:
        async with opened_storage(settings, may_create=False) as storage:
            return await storage.schema_problem()
    except Misconfigured as error:
        return str(error)
