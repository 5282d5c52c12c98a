"""The choice of the server for the next connection."""

from collections.abc import Sequence

from libraries.redis_client.connection import Address


class ServerSelection:
    """The URL's server, or the node of a cluster that owns our hash slot.

    A node that does not answer is skipped: every known node can name the present owner.
    """

    def __init__(self) -> None:
        self._candidates: list[Address | None] = [None]

    @property
    def current(self) -> Address | None:
        """The server for the next connection; None stands for the URL's."""
        return self._candidates[0]

    def prefer(self, owner: Address | None, nodes: Sequence[Address]) -> None:
        """Try the slot's owner first, then the URL's server, then the other nodes."""
        self._candidates = [*dict.fromkeys([owner, None, *nodes])]

    def advance(self) -> None:
        """Move to the next candidate; the current one becomes the last."""
        self._candidates.append(self._candidates.pop(0))
