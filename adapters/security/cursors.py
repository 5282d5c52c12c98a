"""Signed page cursors."""

import base64
import hmac
from typing import Final
from uuid import UUID

from adapters.security.keys import SigningKeys
from domain.errors import Invalid
from domain.ids import OrderId

_LABEL: Final = b"order-management-service: page cursors, version 1"
_ID_BYTES: Final = 16
_SEAL_BYTES: Final = 16

#: The length of 32 bytes in base64 without padding.
_LENGTH: Final = 43


class SignedCursors:
    """`Cursors` that consist of an order id and its HMAC in base64url (RFC 4648).

    A cursor only proves that it was created by this service. It doesn't prove that the client may
    see the order.
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = tuple(keys.derived(_LABEL))

    def seal(self, order_id: OrderId) -> str:
        """Return a cursor with 43 URL-safe characters."""
        return _encoded(order_id.bytes + _seal(self._keys[0], order_id.bytes))

    def open(self, text: object) -> OrderId:
        """Return the order id in a cursor.

        Raises:
            Invalid: this isn't a cursor that was created by this service.
        """
        raw = _decoded(text)
        order_id, seal = raw[:_ID_BYTES], raw[_ID_BYTES:]
        # Always compare with all keys. Otherwise, the timing would reveal which one matches.
        fits = [hmac.compare_digest(seal, _seal(key, order_id)) for key in self._keys]
        if not any(fits):
            raise _bad_cursor()
        return OrderId(UUID(bytes=order_id))


def _seal(key: bytes, order_id: bytes) -> bytes:
    return hmac.digest(key, order_id, "sha256")[:_SEAL_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: object) -> bytes:
    if not isinstance(text, str) or len(text) != _LENGTH or not text.isascii():
        raise _bad_cursor()
    try:
        raw = base64.urlsafe_b64decode(f"{text}=")
    except ValueError:
        raise _bad_cursor() from None
    # Python's decoder ignores invalid characters and trailing bits, but we only want to accept one
    # spelling of each cursor.
    if _encoded(raw) != text:
        raise _bad_cursor()
    return raw


def _bad_cursor() -> Invalid:
    return Invalid.value("bad-cursor", "Must be a cursor issued by this service.")
