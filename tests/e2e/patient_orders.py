"""`orders`, which waits longer for its servers than it promises to.

A request gives a server up after a fraction of a second, or two. A busy machine takes as much from
a process now and then, and what is refused for that is no defect. `HURT` names the setting whose
server a test hurts: that one is given up as promised. A worker that uvicorn starts runs this module
again, and is as patient.
"""

import os
from typing import Any, Final

from libraries.asyncio_tools import time_budget

_LONG: Final = 120.0
_HURT: Final = os.environ.get("HURT")


def _is_longer(module: Any, name: str) -> None:
    assert isinstance(getattr(module, name), float)
    setattr(module, name, _LONG)


# Before anybody else has read them.
if _HURT != "REDIS_URL":
    _is_longer(time_budget, "AUXILIARY_BUDGET_SECONDS")
    time_budget.TimeBudget.__init__.__defaults__ = (_LONG,)
if _HURT != "DATABASE_URL":
    _is_longer(time_budget, "STORAGE_DEADLINE_SECONDS")

from entrypoints.cli.main import main  # noqa: E402 - see above
from entrypoints.observability import readiness  # noqa: E402 - see above

if _HURT is None:
    from adapters.kafka import readiness as readiness_of_kafka

    _is_longer(readiness, "_PATIENCE")
    _is_longer(readiness_of_kafka, "_ANSWER_SECONDS")

if __name__ == "__main__":
    main()
