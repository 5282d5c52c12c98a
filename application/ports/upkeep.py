"""What retention does to what is stored."""

from datetime import datetime
from typing import Protocol


class Archive(Protocol):
    """What has served, and may go. Facts stay: which event, of which version, published when."""

    async def sweep_letters(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` dead letters that were put back before; how many went.

        A letter goes with what was told of it, and only when all of that was published.
        """

    async def sweep_payloads(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` payloads of events published before; how many went.

        Never one of an order that was not processed before then, too.
        """
