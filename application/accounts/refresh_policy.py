"""Decide whether a refresh token is accepted (RFC 9700, section 4.14.2)."""

from datetime import datetime, timedelta
from typing import Final

from application.ports.sessions import Device, Renewal, Session, Verdict

#: How long the same client may use a spent token again, because it may have lost the response. If
#: a successor has been used, the response was received.
GRACE: Final = timedelta(seconds=10)

#: Verdicts that end the session.
ENDING: Final = frozenset({Verdict.EXPIRED, Verdict.REUSED})


def judge(
    session: Session, renewal: Renewal, *, is_live: bool, spent_at: datetime | None, disabled: bool
) -> Verdict:
    """Return the verdict on a token of this session.

    `is_live` is whether the token is stored. A spent token is stored with the time of its first
    use, for the duration of `GRACE`, but not after a successor has been used.
    """
    if session.expires_at <= renewal.now:
        return Verdict.EXPIRED
    if not is_live or (spent_at is not None and not _is_excused(session, renewal, spent_at)):
        return Verdict.REUSED
    return Verdict.DISABLED if disabled else Verdict.RENEWED


def _is_excused(session: Session, renewal: Renewal, spent_at: datetime) -> bool:
    same_client = Device(session.address, session.user_agent) == renewal.device
    return same_client and renewal.now - spent_at <= GRACE
