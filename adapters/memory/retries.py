"""Keep track of attempts to publish an event, and when to try again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.delivery.retry_policy import seconds_of_pause, seconds_until_retry


@dataclass(slots=True)
class Retries:
    """The attempts to publish an event."""

    waits_since: datetime
    attempts: int = 0
    error: str | None = None
    retry_at: datetime | None = None
    is_parked: bool = False

    @property
    def is_new(self) -> bool:
        """Whether there are no failed attempts, or they have been forgotten."""
        return self.retry_at is None and not self.is_parked

    def is_due(self, now: datetime) -> bool:
        """Return whether the event may be published now."""
        return not self.is_parked and (self.retry_at is None or self.retry_at <= now)

    def reject(self, reason: str, now: datetime) -> None:
        """Plan the next attempt, or park the event."""
        self.attempts += 1
        self.error = reason
        wait_seconds = seconds_until_retry(self.attempts)
        self.is_parked = wait_seconds is None
        self.retry_at = None if wait_seconds is None else now + timedelta(seconds=wait_seconds)

    def postpone(self, reason: str, now: datetime) -> None:
        """Pause without counting an attempt."""
        self.error = reason
        pause_seconds = seconds_of_pause((now - self.waits_since).total_seconds())
        self.retry_at = now + timedelta(seconds=pause_seconds)

    def begin_again(self) -> None:
        """Forget all attempts so far."""
        self.attempts, self.error, self.retry_at, self.is_parked = 0, None, None, False
