"""Idempotency keys, with which a client repeats a request without repeating its effect.

See draft-ietf-httpapi-idempotency-key-header-07.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from domain.ids import OrderId, UserId

#: How long a key belongs to its order, by the storage's clock.
KEY_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one new order, and the fingerprint of what the client has ordered.

    `repr` leaves the key out, so it cannot get into logs.
    """

    text: str = field(repr=False)
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The order that was placed with a user's key, and the body of the first response."""

    owner: UserId
    key: IdempotencyKey
    order_id: OrderId
    body: bytes = field(repr=False)
