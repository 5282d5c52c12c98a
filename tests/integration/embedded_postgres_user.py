"""Use the embedded PostgreSQL in a process that tests can kill.

It prints the URL when it is ready, or the error if it can't start, and ends when its input ends.
The optional second argument is a user to switch to. This happens after the imports because it
doesn't matter here whether that user can read Python and this checkout.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 - asyncio imports it late, when it may be unreadable
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


def switch_user(name: str) -> None:
    entry = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    if sys.argv[2:]:
        switch_user(sys.argv[2])
    try:
        asyncio.run(use(sys.argv[1]))
    except EmbeddedPostgresError as error:
        sys.stdout.write(f"refused: {error}\n")
        sys.exit(1)
