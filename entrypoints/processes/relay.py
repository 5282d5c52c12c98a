"""The relay, which publishes the outbox to the broker."""

import asyncio
from typing import Final

from application.delivery.relay_outbox import BATCH, RelayOutbox
from application.errors import BrokerUnavailable, Unavailable
from application.ports.events import RelayWakeup
from libraries.asyncio_tools.heartbeat import beat, between_rounds, round_done
from libraries.outages import outages

#: How often the relay checks for lost wakeups and for events to retry.
POLL_SECONDS: Final = 2.0
#: How long the relay waits after a round that was not full. Events that arrive in the meantime
#: share the next round, which hardly costs more than a round for one event. If it has been quiet
#: for a moment, an event does not have to wait.
LINGER_SECONDS: Final = 0.01


async def relay(relay_outbox: RelayOutbox, relay_wakeup: RelayWakeup) -> None:
    """Run rounds of the relay forever. Commits wake it up, and it also polls as a safety net.

    Raises:
        Unavailable, BrokerUnavailable: a server is unavailable. Run it again.
    """
    while True:
        with outages.noticing(Unavailable.server):
            done = await relay_outbox()
        if done:
            outages.end(BrokerUnavailable.server)
        round_done()
        with between_rounds():
            if not done:
                await _wait_for_work(relay_outbox, relay_wakeup)
            elif done < BATCH:
                await asyncio.sleep(LINGER_SECONDS)


async def _wait_for_work(relay_outbox: RelayOutbox, relay_wakeup: RelayWakeup) -> None:
    """Return after a wakeup, or once a poll has found work."""
    while not await relay_wakeup.wait(POLL_SECONDS):
        with outages.noticing(Unavailable.server):
            if await relay_outbox.has_work():
                return
        beat()
