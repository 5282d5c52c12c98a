"""The watchdog of an embedded database."""

import pytest

from application.errors import Unavailable
from entrypoints.processes.watchdog import keep_alive


@pytest.mark.parametrize(
    ("is_connected", "answers", "done"),
    [(True, False, []), (False, True, ["ping"]), (False, False, ["ping", "revive"])],
)
async def test_an_unconnected_database_is_pinged_and_restarted_if_it_is_dead(
    is_connected: bool,  # noqa: FBT001 - a parameter
    answers: bool,  # noqa: FBT001 - as above
    done: list[str],
) -> None:
    log: list[str] = []

    async def ping() -> None:
        log.append("ping")
        if not answers:
            raise Unavailable

    async def revive() -> None:
        log.append("revive")

    await keep_alive(lambda: is_connected, ping, revive)
    assert log == done
