"""Leases within a single process."""

from datetime import datetime, timedelta

from application.ports.system import Clock


class MemoryLeases:
    """`Leases` in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[str, tuple[str, datetime]] = {}

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire or renew a lease. Return False if another holder has it."""
        now = self._clock.now()
        present, expires_at = self._leases.get(name, (holder, now))
        if present != holder and expires_at > now:
            return False
        self._leases[name] = (holder, now + timedelta(seconds=seconds))
        return True

    async def release(self, name: str, holder: str) -> None:
        """Release the lease if this holder has it."""
        present, _ = self._leases.get(name, ("", None))
        if present == holder:
            del self._leases[name]
