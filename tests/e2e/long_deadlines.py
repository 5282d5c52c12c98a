"""Run `orders` with longer deadlines for its servers.

A request waits for a server for two seconds at most. On a busy test machine any process can be
delayed that long, and this isn't a bug. If a test disturbs a server, it puts that server's setting
into `KEEP_DEADLINES` and the deadlines stay as they are. `ALL` keeps all of them. Workers started
by uvicorn run this module again.

While the file `NAMES_GONE_FILE` exists, the name server doesn't have any names. Only root could
change that for a process from outside.
"""

import os
import socket
from pathlib import Path
from typing import Any, Final

from adapters.security import passwords
from libraries.asyncio_tools import cancellation, time_budget

_LONG_SECONDS: Final = 120.0
_KEEP_DEADLINES: Final = os.environ.get("KEEP_DEADLINES")


def _lengthen(module: Any, name: str) -> None:
    assert isinstance(getattr(module, name), float)
    setattr(module, name, _LONG_SECONDS)


# This has to happen before other modules import these values.
if _KEEP_DEADLINES not in {"REDIS_URL", "ALL"}:
    _lengthen(time_budget, "AUXILIARY_BUDGET_SECONDS")
    time_budget.TimeBudget.__init__.__defaults__ = (_LONG_SECONDS,)
if _KEEP_DEADLINES not in {"DATABASE_URL", "ALL"}:
    _lengthen(time_budget, "STORAGE_DEADLINE_SECONDS")
_lengthen(passwords, "MAX_WAIT_SECONDS")

if "NAMES_GONE_FILE" in os.environ:
    _names_gone = Path(os.environ["NAMES_GONE_FILE"])
    _resolve_host = cancellation.resolve_host

    async def _resolve_unless_gone(host: str, port: int) -> None:
        if host == "localhost" and _names_gone.exists():  # noqa: ASYNC240 - fast
            raise socket.gaierror(socket.EAI_NONAME, f"the host {host}: Name or service not known")
        await _resolve_host(host, port)

    cancellation.resolve_host = _resolve_unless_gone

from entrypoints.cli.main import main  # noqa: E402 - see above
from entrypoints.observability import readiness  # noqa: E402 - see above

if _KEEP_DEADLINES is None:
    from adapters.kafka import readiness as readiness_of_kafka

    _lengthen(readiness, "_CHECK_SECONDS")
    _lengthen(readiness_of_kafka, "_ANSWER_SECONDS")

if __name__ == "__main__":
    main()
