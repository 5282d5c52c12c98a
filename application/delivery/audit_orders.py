"""Audit all orders."""

from datetime import datetime, timedelta

from application.ports.audit import AuditProgress, AuditReader, AuditReport
from application.ports.system import Clock


class AuditOrders:
    """Check the current state of all orders and events.

    An order is stuck if it's older than `stuck_after` and hasn't been processed.
    """

    def __init__(self, reader: AuditReader, clock: Clock, stuck_after: timedelta) -> None:
        self._reader = reader
        self._clock = clock
        self._stuck_after = stuck_after

    async def __call__(
        self,
        broker_reachable: bool,  # noqa: FBT001 - the only other argument is a callback
        progress: AuditProgress,
    ) -> tuple[AuditReport, datetime]:
        """Return the report and the time it was made.

        An order isn't reported as stuck while it's waiting for an unreachable broker.

        Raises:
            Unavailable: the storage is unreachable.
        """
        now = self._clock.now()
        report = await self._reader.audit(
            now, self._stuck_after, broker_reachable=broker_reachable, progress=progress
        )
        return report, now
