"""Cursors to the next page of a list, which clients cannot forge."""

from typing import Protocol

from domain.ids import OrderId


class Cursors(Protocol):
    """Opaque, signed positions in a list of orders."""

    def seal(self, order_id: OrderId) -> str:
        """Return a cursor to the orders after this one."""

    def open(self, text: object) -> OrderId:
        """Return the order of a cursor.

        Raises:
            Invalid: the cursor was not made by `seal`, or was changed.
        """
