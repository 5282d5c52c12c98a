"""Remove personal data from stored JSON."""

from decimal import Decimal
from typing import Any

import msgspec

from domain.ids import UserId

# Numbers keep all their digits, and objects the order of their names.
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class JsonPersonalDataEraser:
    """A `PersonalDataEraser` for the JSON of `JsonOrderRenderer` and `JsonChangeRenderer`."""

    def items(self, items: str) -> str:
        """Return an order's items without their attributes."""
        decoded = _decoder.decode(items)
        _drop_attributes(decoded)
        return _encoder.encode(decoded).decode()

    def event(self, payload: bytes, author: UserId, *, is_owner: bool) -> bytes:
        """Return an event's payload without personal data."""
        message = _decoded(payload)
        if not isinstance(message, dict):
            return b"" if is_owner else payload
        if is_owner:
            _erase_order(message.get("order", message))
        if message.get("reason") is not None and _actor_of(message) == str(author):
            message["reason"] = None
        return _encoder.encode(message)


def _decoded(payload: bytes) -> Any:
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return None


def _erase_order(order: Any) -> None:
    if isinstance(order, dict):
        order.pop("reference", None)
        _drop_attributes(order.get("items"))


def _drop_attributes(items: Any) -> None:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            item.pop("attributes", None)


def _actor_of(message: dict[str, Any]) -> object:
    actor = message.get("actor")
    return actor.get("id") if isinstance(actor, dict) else None
