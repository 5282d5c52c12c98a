"""Audit all orders."""

from datetime import datetime, timedelta

from application.ports.audit import AuditProgress, AuditReader, AuditReport
from application.ports.system import Clock


class AuditOrders:
    """Judge all orders and events as they are now.

    An order that is older than `stuck_after` and not processed is stuck.
    """

    def __init__(self, reader: AuditReader, clock: Clock, stuck_after: timedelta) -> None:
        self._reader = reader
        self._clock = clock
        self._stuck_after = stuck_after

    async def __call__(
        self,
        broker_reachable: bool,  # noqa: FBT001 - the one fact beside the display
        progress: AuditProgress,
    ) -> tuple[AuditReport, datetime]:
        """Return the report and its time; an order that waits for the broker is not stuck.

        Raises:
            Unavailable: the storage is out of reach.
        """
        now = self._clock.now()
        report = await self._reader.audit(
            now, self._stuck_after, broker_reachable=broker_reachable, progress=progress
        )
        return report, now
