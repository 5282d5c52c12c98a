"""Which server the link connects to next."""

from collections.abc import Sequence

from libraries.redis_client.connection import Address


class Route:
    """The URL's server, or the node of a cluster that owns our slot.

    A node that does not answer is passed over: every known node knows the present owner.
    """

    def __init__(self) -> None:
        self._nodes: list[Address | None] = [None]

    @property
    def address(self) -> Address | None:
        """The next server; None: the URL's."""
        return self._nodes[0]

    def follow(self, owner: Address | None, nodes: Sequence[Address]) -> None:
        """Go to the owner of our slot, then to the URL's server, then to the other nodes."""
        self._nodes = [*dict.fromkeys([owner, None, *nodes])]

    def go_on(self) -> None:
        """Go to the next one, and to this one last."""
        self._nodes.append(self._nodes.pop(0))
