"""Where the next page begins, in a form that clients hand back and cannot forge."""

from typing import Protocol

from domain.ids import OrderId


class Cursors(Protocol):
    """Opaque, signed positions in a list of orders."""

    def seal(self, order_id: OrderId) -> str:
        """A cursor to the orders behind this one."""

    def open(self, text: object) -> OrderId:
        """The order that a cursor points behind.

        Raises:
            Invalid: it was not made by `seal`, or was changed since.
        """
