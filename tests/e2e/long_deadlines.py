"""Run `orders` with longer deadlines for its servers.

A request waits for a server for two seconds at most. On a busy test machine any process can be
delayed that long, and this isn't a bug. If a test disturbs a server, it puts that server's setting
into `KEEP_DEADLINES` and the deadlines stay as they are. `ALL` keeps all of them. Workers started
by uvicorn run this module again.
"""

import os
from typing import Any, Final

from libraries.asyncio_tools import time_budget

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

from entrypoints.cli.main import main  # noqa: E402 - see above
from entrypoints.observability import readiness  # noqa: E402 - see above

if _KEEP_DEADLINES is None:
    from adapters.kafka import readiness as readiness_of_kafka

    _lengthen(readiness, "_CHECK_SECONDS")
    _lengthen(readiness_of_kafka, "_ANSWER_SECONDS")

if __name__ == "__main__":
    main()
