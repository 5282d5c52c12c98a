"""The shop that fulfils orders, and the server that sends mail."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final
from uuid import UUID

from application.errors import MailServerUnavailable
from application.ports.mail import Mail
from domain.ids import OrderId
from domain.order.order import Order
from tests.simulation.choices import Choices

#: One order in this number can never be fulfilled, until the shop is repaired.
_POISON: Final = 12
#: One order in this number fails at first.
_FLAKY: Final = 8
#: How long the shop takes, in seconds.
_WORK_SECONDS: Final = (0.0, 0.01, 0.1, 0.5, 2.0)


class Shop:
    """A `Fulfilment` that takes time, and fails for some orders.

    An attempt is one run of an order's task. It may fulfil the order once.
    """

    def __init__(self, choices: Choices, fail: Callable[[str], None]) -> None:
        self._choices = choices
        self._fail = fail
        self._failures_left: dict[OrderId, int] = {}
        self._attempts: Counter[OrderId] = Counter()
        self._calls: Counter[OrderId] = Counter()
        self.poison: set[OrderId] = set()
        self.is_repaired = False

    def begin_attempt(self, order_id: OrderId) -> None:
        """Allow the order to be fulfilled once more."""
        self._attempts[order_id] += 1

    async def fulfil(self, order: Order) -> None:
        """Fulfil the order after a while."""
        self._calls[order.id] += 1
        if self._calls[order.id] > self._attempts[order.id]:
            self._fail(f"{order.id} was fulfilled twice in one attempt")
        await asyncio.sleep(_WORK_SECONDS[self._choices.draw("work", len(_WORK_SECONDS))])
        if order.id not in self._failures_left:
            is_flaky = self._choices.happens("flaky order", _FLAKY)
            self._failures_left[order.id] = 2 if is_flaky else 0
            if self._choices.happens("poison order", _POISON):
                self.poison.add(order.id)
        if order.id in self.poison and not self.is_repaired:
            raise RuntimeError("out of stock")
        if self._failures_left[order.id]:
            self._failures_left[order.id] -= 1
            raise RuntimeError("the shop is busy")


class MailServer:
    """A `Mailer` that can be unavailable."""

    def __init__(self) -> None:
        self.sent: set[UUID] = set()
        self.is_down = False

    async def send(self, mail: Mail) -> None:
        """Accept the mail."""
        if self.is_down:
            raise MailServerUnavailable
        self.sent.add(mail.id)
