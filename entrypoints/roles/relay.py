"""The relay: outbox to broker."""

from typing import Final

from application.errors import BrokerUnavailable, Unavailable
from application.ports.events import OutboxBell
from application.relay_outbox import RelayOutbox
from entrypoints.logs import logger
from entrypoints.roles.backoff import Backoff

#: Seconds after which the relay looks whether a bell was missed.
POLL: Final = 1.0


async def relay(relay_outbox: RelayOutbox, bell: OutboxBell) -> None:
    """Run rounds of the relay, for ever: woken by the bell, polling as a safety net."""
    backoff = Backoff()
    while True:
        try:
            done = await relay_outbox()
        except (BrokerUnavailable, Unavailable) as error:
            logger.warning("the relay waits", reason=str(error) or type(error).__name__)
            await backoff.wait()
            continue
        backoff.reset()
        if not done:
            await bell.wait(POLL)
