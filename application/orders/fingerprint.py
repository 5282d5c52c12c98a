"""Fingerprints of new orders, for telling a repeated request from a different one."""

import hashlib
import json
from decimal import Decimal

from domain.order.attributes import Attribute
from domain.order.lines import OrderLine, OrderLines


def fingerprint(lines: OrderLines, reference: str | None) -> bytes:
    """Return the SHA-256 digest of an order's values.

    Two spellings of the same values, such as `19.9` and `19.90`, have the same fingerprint.
    """
    # An amount of money always has the digits of its currency, so it has only one spelling.
    total, currency = str(lines.total.amount), lines.total.currency.code
    values = [reference, currency, total, [_line(line) for line in lines.lines]]
    return hashlib.sha256(json.dumps(values).encode()).digest()


def _line(line: OrderLine) -> list[object]:
    price = None if line.price is None else str(line.price.amount)
    attributes = [[name, _attribute(line.attributes[name])] for name in sorted(line.attributes)]
    return [line.product_id, line.name, line.quantity, price, attributes]


def _attribute(value: Attribute) -> object:
    if isinstance(value, str | bool):
        return value
    return _number(Decimal(value))


def _number(number: Decimal) -> list[object]:
    """Return a form of a number that does not depend on its spelling.

    `Decimal.normalize` would round numbers with more than 28 digits.
    """
    sign, digits, exponent = number.as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    trimmed = significant.rstrip("0")
    if not trimmed:
        return [0]
    return [sign, trimmed, int(exponent) + len(significant) - len(trimmed)]
