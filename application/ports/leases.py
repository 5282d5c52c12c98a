"""Leases: work that one process at a time does for all processes."""

from typing import NewType, Protocol

#: The name of one process as the holder of leases; unique over all processes.
Holder = NewType("Holder", str)


class Leases(Protocol):
    """Rights that one holder at a time has, each for a limited time.

    Times are measured by the storage's clock. The lease of a holder that died or froze ends by
    itself.
    """

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire or renew a lease for `seconds` from now; False if another holder has it.

        Raises:
            Unavailable: the storage is out of reach.
        """

    async def release(self, name: str, holder: str) -> None:
        """End the lease now. Does nothing if another holder has it, or if there is none.

        Raises:
            Unavailable: the storage is out of reach.
        """
