"""Leases for work that only one process should be doing at a time."""

from typing import NewType, Protocol

#: The name under which a process holds its leases. It's unique across all processes.
Holder = NewType("Holder", str)


class Leases(Protocol):
    """Named leases, each with at most one holder at a time.

    Leases expire according to the storage's clock. If a holder dies or freezes, its lease simply
    runs out.
    """

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire or renew a lease for `seconds` from now. Return False if another holder has it.

        Raises:
            Unavailable: the storage is unreachable.
        """

    async def release(self, name: str, holder: str) -> None:
        """Release the lease. Does nothing if it doesn't exist or another holder has it.

        Raises:
            Unavailable: the storage is unreachable.
        """
