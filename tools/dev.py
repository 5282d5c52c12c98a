"""Run the service from this checkout, and restart it when its code changes: `make dev`.

It is stopped gracefully, with SIGINT, because the restarted service needs the same database.
"""

import shlex
import sys
from pathlib import Path
from typing import Final

from watchfiles import PythonFilter, run_process

WATCHED: Final = ("domain", "application", "adapters", "libraries", "entrypoints", "migrations")
#: Longer than the 15 seconds that the service allows for its own shutdown.
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
