"""Cursors for paging through lists. Clients can't forge them."""

from typing import Protocol

from domain.ids import OrderId


class Cursors(Protocol):
    """Creates and reads opaque, signed positions in a list of orders."""

    def seal(self, order_id: OrderId) -> str:
        """Return a cursor for the orders after this one."""

    def open(self, text: object) -> OrderId:
        """Return the id that was passed to `seal`.

        Raises:
            Invalid: the cursor was not created by `seal` or has been changed.
        """
