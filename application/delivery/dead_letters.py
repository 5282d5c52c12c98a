"""Create dead letters and the messages that are published for them."""

from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

from application.delivery.topics import DEAD_LETTERS
from application.documents import Event, Headers, Original
from application.ports.dead_letters import DeadLetter
from application.ports.events import Delivery
from domain.ids import EventId, OrderId

REASON_HEADER: Final = "dlq_reason"
ATTEMPTS_HEADER: Final = "dlq_attempts"
#: Replaces the reason if the order's owner has been erased, because errors may quote data.
ERASED_REASON: Final = "erased"
#: Reasons are cut off after this many characters.
LONGEST_REASON: Final = 1000

#: The namespace of all ids generated in this module (a random UUID).
_NAMESPACE: Final = UUID("6f1c2a3e-7d4b-4a53-9d0e-3b1f5c8a9e27")


def dead_letter_from(
    message: Delivery,
    topic: str,
    reason: str,
    attempts: int,
    now: datetime,
    order_id: OrderId | None = None,
) -> DeadLetter:
    """Create the dead letter for a message. The same message always gets the same id.

    Messages are the same if all of their bytes are equal. There are no bytes to compare if the
    record could not be decoded, so in that case its placement becomes part of its identity.
    """
    return DeadLetter(
        id=_identity(message, topic),
        topic=topic,
        key=message.key,
        value=message.value,
        headers=message.headers,
        reason=_storable(reason),
        attempts=attempts,
        order_id=order_id,
        at=now,
    )


def dead_letter_copy(dead_letter: DeadLetter, event_id: EventId) -> Event:
    """Create the message for the dead letter topic.

    It is identical to the original, except for two more headers with the reason and the attempts.
    """
    added = (
        (REASON_HEADER, dead_letter.reason.encode()),
        (ATTEMPTS_HEADER, str(dead_letter.attempts).encode()),
    )
    headers = (*dead_letter.headers, *added)
    return _event(
        dead_letter, event_id, DEAD_LETTERS, Original(dead_letter.key, headers), dead_letter.at
    )


def replayed_message(dead_letter: DeadLetter, event_id: EventId, now: datetime) -> Event:
    """Create the same message again, with its original topic and headers."""
    return _event(
        dead_letter,
        event_id,
        dead_letter.topic,
        Original(dead_letter.key, dead_letter.headers),
        now,
    )


def without_reason(headers: Headers) -> Headers:
    """Return the headers of a dead letter or of its copy with an erased reason."""
    erased = ERASED_REASON.encode()
    return tuple((name, erased if name == REASON_HEADER else value) for name, value in headers)


def _event(
    dead_letter: DeadLetter, event_id: EventId, topic: str, original: Original, at: datetime
) -> Event:
    return Event(
        id=event_id,
        subject=dead_letter.id,
        version=1,
        revision=1,
        topic=topic,
        type="dead_letter",
        payload=dead_letter.value,
        at=at,
        original=original,
    )


def _identity(message: Delivery, topic: str) -> UUID:
    parts: list[bytes | None] = [topic.encode(), message.key, message.value]
    for name, value in message.headers:
        parts += [name.encode(), value]
    if message.defect is not None:
        parts.append(_placement(message))
    return uuid5(_NAMESPACE, sha256(b"".join(map(_delimited, parts))).hexdigest())


def _placement(message: Delivery) -> bytes | None:
    return None if message.placement is None else str(message.placement).encode()


def _delimited(part: bytes | None) -> bytes:
    length = -1 if part is None else len(part)
    return length.to_bytes(8, "big", signed=True) + (part or b"")


def _storable(reason: str) -> str:
    # A reason can be any text, but storages don't accept NULs and lone surrogates.
    whole = reason.replace("\0", "\ufffd").encode(errors="replace").decode()
    return whole[:LONGEST_REASON] or "unknown"
