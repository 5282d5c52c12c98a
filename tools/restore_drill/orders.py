"""The orders that are placed before and after the backup."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import httpx

from tests.e2e.service import User
from tools.restore_drill.deployment import Deployment
from tools.restore_drill.transcript import print_line, print_step

Order: TypeAlias = Mapping[str, Any]


class DrillOrders:
    """The orders of the drill's user. `kept` and `waiting` are in the backup, `lost` are not."""

    def __init__(self, deployment: Deployment, user: User) -> None:
        self._deployment = deployment
        self._user = user
        self.kept: list[Order] = []
        self.waiting: Order = {}
        self.lost: list[Order] = []

    @property
    def paid(self) -> Order:
        """The order that is paid after the backup."""
        return self.kept[0]

    def place_before_backup(self) -> None:
        """Place five orders that are processed, and one that waits in the outbox."""
        print_step("Before the backup: five orders are processed, one waits in the outbox")
        self.kept = [self._user.processed_order() for _ in range(5)]
        self._deployment.stop("relay")
        self.waiting = self._user.order()
        self._deployment.orders("outbox", "status")
        self._deployment.orders("audit")

    def place_after_backup(self) -> None:
        """Place three orders that are processed, and two that are not; pay one of the backup."""
        deployment = self._deployment
        print_step(
            "After it: the waiting order is published, three more are processed, one is paid"
        )
        deployment.start("relay")
        self.lost = [self._user.processed_order() for _ in range(3)]
        self._user.patch(self.paid, "PAID")
        deployment.wait_until_processed()
        deployment.stop("consume")
        self.lost += [self._user.order() for _ in range(2)]
        deployment.wait_until_published()
        print_line(
            "Two more are placed and published; the consumer is stopped and has not received them."
        )
        deployment.orders("audit")

    def cancel_paid(self) -> None:
        """Cancel the order that was paid, and wait for its event."""
        self._user.patch(self.paid, "CANCELED")
        self._deployment.wait_until_published()

    def place_at_end(self) -> Order:
        """Place an order, and wait until it is processed."""
        return self._user.processed_order()

    def summary_of(self, order: Order) -> str:
        """Read an order, and return the response in one line."""
        return _summary(self._user.get(f"/orders/{order['id']}/"))


def _summary(response: httpx.Response) -> str:
    body = response.json()
    state = f"{body['status']} v{body['version']}" if response.status_code == 200 else body["code"]
    return f"{response.status_code} {state}, X-Cache: {response.headers.get('X-Cache', '-')}"
