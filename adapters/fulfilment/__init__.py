"""A simulation of the shop's fulfilment, which only takes time.

May import the application, the domain and the standard library.
"""

import asyncio
from datetime import timedelta

from domain.order.order import Order


class SimulatedFulfilment:
    """`Fulfilment` that takes as long as `delay`."""

    def __init__(self, delay: timedelta) -> None:
        self._delay = delay.total_seconds()

    async def fulfil(self, _order: Order) -> None:
        """Sleep for the delay."""
        await asyncio.sleep(self._delay)
