"""Run the service from this checkout, and restart it when its code changes: `make dev`.

SIGINT stops the service gracefully, so that its database is free for the next one.
"""

import shlex
import sys
from pathlib import Path
from typing import Final

from watchfiles import PythonFilter, run_process

WATCHED: Final = ("domain", "application", "adapters", "libraries", "entrypoints", "migrations")
#: Longer than the service's own limit of 15 seconds for a shutdown.
_STOP_SECONDS: Final = 20


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    orders = Path(sys.executable).with_name("orders")
    run_process(
        *WATCHED,
        target=f"{shlex.quote(str(orders))} serve",
        target_type="command",
        watch_filter=PythonFilter(),
        sigint_timeout=_STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
