"""What stands in for the shop's own fulfilment: it takes its time and changes nothing outside.

May import the application, the domain and the standard library.
"""

import asyncio
from datetime import timedelta

from domain.order.order import Order


class SimulatedFulfilment:
    """`Fulfilment` that takes `delay`, as the one of the original does."""

    def __init__(self, delay: timedelta) -> None:
        self._delay = delay.total_seconds()

    async def fulfil(self, _order: Order) -> None:
        """Take the time that fulfilling the order would."""
        await asyncio.sleep(self._delay)
