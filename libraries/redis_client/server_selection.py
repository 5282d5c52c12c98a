"""Choose the server for the next connection."""

from collections.abc import Sequence

from libraries.redis_client.connection import Address


class ServerSelection:
    """Selects the URL's server, or the cluster node that owns our hash slot.

    If a node does not respond, the next one is tried, because any node can return the owner.
    """

    def __init__(self) -> None:
        self._candidates: list[Address | None] = [None]

    @property
    def current(self) -> Address | None:
        """The server for the next connection, or None for the URL's server."""
        return self._candidates[0]

    def prefer(self, owner: Address | None, nodes: Sequence[Address]) -> None:
        """Try the slot's owner first, then the URL's server, and then the other nodes."""
        self._candidates = [*dict.fromkeys([owner, None, *nodes])]

    def advance(self) -> None:
        """Move the current candidate to the end of the list."""
        self._candidates.append(self._candidates.pop(0))
