from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from entrypoints.processes.eraser import continue_erasures


class Passes:
    """Completes a number of passes."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def __call__(self, after_batch: Callable[[], None]) -> int:
        after_batch()
        return self._count


@pytest.mark.parametrize(("count", "logged"), [(0, []), (2, [2])])
async def test_completed_passes_are_logged(count: int, logged: list[int]) -> None:
    with capture_logs() as lines:
        await continue_erasures(Passes(count))  # type: ignore[arg-type]  # only its call is used
    assert [line["passes"] for line in lines] == logged
