"""A user of the embedded PostgreSQL in a process of its own, for tests to kill.

Writes the URL when it is ready, leaves when its input ends, and says a refusal on its output.
With a second argument it becomes that user first, after its imports: the user's own right to read
Python and this checkout is not what is tested.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 - asyncio imports it late, when it may be out of reach
import os
import pwd
import sys
from pathlib import Path

from libraries.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, choose_layout


async def use(data_dir: str) -> None:
    async with EmbeddedPostgres(choose_layout(Path(data_dir))) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def become(name: str) -> None:
    entry = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    if sys.argv[2:]:
        become(sys.argv[2])
    try:
        asyncio.run(use(sys.argv[1]))
    except EmbeddedPostgresError as error:
        sys.stdout.write(f"refused: {error}\n")
        sys.exit(1)
