"""A simulated fulfilment that does nothing except take time.

This package may only import the application, the domain and the standard library.
"""

import asyncio
from datetime import timedelta

from domain.order.order import Order


class SimulatedFulfilment:
    """A `Fulfilment` that takes as long as `delay`."""

    def __init__(self, delay: timedelta) -> None:
        self._delay = delay.total_seconds()

    async def fulfil(self, _order: Order) -> None:
        """Sleep for the delay."""
        await asyncio.sleep(self._delay)
