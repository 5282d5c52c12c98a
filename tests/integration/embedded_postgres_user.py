"""A process that uses the embedded PostgreSQL, for tests to kill.

It prints the URL when it is ready, ends when its input ends, and prints a refusal. A second
argument names the user that it becomes after its imports: that user's right to read Python and this
checkout is not tested.
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
