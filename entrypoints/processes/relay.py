"""The relay: outbox to broker."""

import asyncio
from typing import Final

from application.delivery.relay_outbox import BATCH, RelayOutbox
from application.errors import BrokerUnavailable, Unavailable
from application.ports.events import RelayWakeup
from libraries.asyncio_tools.heartbeat import beat, between_rounds, round_done
from libraries.outages import outages

#: Seconds until the relay checks for a lost wakeup, or for an event to retry.
POLL_SECONDS: Final = 2.0
#: Seconds between a round that was not full and the next one. Events of this time share a round,
#: whose cost hardly depends on their number. An event after a quiet moment does not wait.
LINGER_SECONDS: Final = 0.01


async def relay(relay_outbox: RelayOutbox, relay_wakeup: RelayWakeup) -> None:
    """Run rounds of the relay for ever: woken by commits, polling as a safety net.

    Raises:
        Unavailable, BrokerUnavailable: a server is out of reach; run it again.
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
    """Return after a wakeup, or after a poll that finds work."""
    while not await relay_wakeup.wait(POLL_SECONDS):
        with outages.noticing(Unavailable.server):
            if await relay_outbox.has_work():
                return
        beat()
