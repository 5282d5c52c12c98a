"""The values in request and response bodies, with their schemas for OpenAPI.

msgspec does not check the bounds of the values in a request. The domain does that, because it
reports every error. The bounds here come from the domain and are only for the document.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta

from domain.account import MAX_EMAIL, MAX_PASSWORD, MIN_PASSWORD
from domain.money import CURRENCIES, MAX_AMOUNT
from domain.order.attributes import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES
from domain.order.lines import MAX_NAME, MAX_PRODUCT_ID, MAX_QUANTITY
from domain.order.order import MAX_REASON, MAX_REFERENCE
from domain.order.status import OrderStatus

_NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}
_DECIMAL: Final = r"^(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
#: A pattern for e-mail addresses that means the same in every programming language. It accepts all
#: characters beyond ASCII because an address can be in any script.
_ATOM: Final = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~\u0080-\uffff-]+"
_LABEL: Final = (
    r"[A-Za-z0-9\u0080-\uffff]([A-Za-z0-9\u0080-\uffff-]{0,61}[A-Za-z0-9\u0080-\uffff])?"
)
_ADDRESS: Final = rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+$"

#: A double can hold every amount exactly. Without a format, some generators choose 32 bits.
_DOUBLE: Final = {"format": "double"}
_AMOUNT: Final = [
    {"type": "number", **_DOUBLE, "minimum": 0, "maximum": float(MAX_AMOUNT)},
    {"type": "string", "pattern": _DECIMAL},
]
_ATTRIBUTE: Final = {
    "anyOf": [
        {"type": "string", "maxLength": MAX_ATTRIBUTES_BYTES} | _NO_NUL,
        # Numbers that don't become zero or infinite in a double.
        {"type": "number", "minimum": 1e-307, "maximum": 1e307},
        {"type": "number", "minimum": -1e307, "maximum": -1e-307},
        {"const": 0},
        {"type": "boolean"},
    ]
}

Timestamp = Annotated[
    datetime, Meta(tz=True, description="RFC 3339, in UTC.", examples=["2026-01-31T12:00:00Z"])
]
Amount = Annotated[
    Any,
    Meta(
        description=(
            "An exact amount: a JSON number or a decimal string, with no more digits than the"
            " currency has."
        ),
        examples=[9.95, "9.95"],
        extra_json_schema={"anyOf": _AMOUNT},
    ),
]
Price = Annotated[
    Any,
    Meta(
        description="The price per unit, with the same rules as `total_price`.",
        examples=[9.95, "9.95"],
        extra_json_schema={"anyOf": [*_AMOUNT, {"type": "null"}]},
    ),
]
WrittenAmount = Annotated[
    float,
    Meta(
        description="An amount with exactly its currency's minor digits: `19.90`.",
        ge=0,
        le=float(MAX_AMOUNT),
        examples=[42.34],
        extra_json_schema=_DOUBLE,
    ),
]
ProductId = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_PRODUCT_ID, examples=["tea-250"], extra_json_schema=_NO_NUL),
]
NumericProductId = Annotated[
    int,
    Meta(
        description="Stored as a string.",
        # 64 characters, including a sign.
        extra_json_schema={"minimum": -1e63, "maximum": 1e64},
    ),
]
ProductName = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_NAME, examples=["Green tea"], extra_json_schema=_NO_NUL),
]
Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY, description="The number of units.")]
Reference = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_REFERENCE,
        description="Your own id for the order, unique among your orders.",
        examples=["web-1042"],
        extra_json_schema=_NO_NUL,
    ),
]
CurrencyCode = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.", examples=["USD"])]
KnownCurrency = Annotated[
    str,
    Meta(
        description="ISO 4217. The default is the service's own currency.",
        examples=["USD"],
        extra_json_schema={"enum": sorted(CURRENCIES)},
    ),
]
WantedStatus = Annotated[
    str,
    Meta(
        description="The new status of the order.",
        examples=["PAID"],
        extra_json_schema={"enum": list(OrderStatus)},
    ),
]
Email = Annotated[str, Meta(max_length=MAX_EMAIL, examples=["ada@example.com"])]
NewEmail = Annotated[
    str,
    Meta(
        max_length=MAX_EMAIL,
        description="Upper and lower case are the same, and so are a domain and its `xn--` form.",
        examples=["ada@example.com"],
        extra_json_schema={"format": "idn-email", "pattern": _ADDRESS},
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        min_length=MIN_PASSWORD,
        max_length=MAX_PASSWORD,
        examples=["correct horse battery"],
        extra_json_schema={"format": "password", **_NO_NUL},
    ),
]
Password = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_PASSWORD,
        examples=["correct horse battery"],
        extra_json_schema={"format": "password", **_NO_NUL},
    ),
]
UserName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_EMAIL,
        description="The account's e-mail address. In a form, `+` is sent as `%2B`.",
        examples=["ada@example.com"],
        extra_json_schema=_NO_NUL,
    ),
]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_REASON,
        description="The reason, for the order's history.",
        examples=["card payment"],
        extra_json_schema=_NO_NUL,
    ),
]
Attributes = Annotated[
    dict[str, str | int | float | bool],
    Meta(max_length=MAX_ATTRIBUTES, description="Additional values.", examples=[{"gift": True}]),
]
NewAttributes = Annotated[
    dict[str, Any],
    Meta(
        description="Additional values: strings, numbers and booleans, 2 KiB in total.",
        examples=[{"gift": True}],
        extra_json_schema={
            "maxProperties": MAX_ATTRIBUTES,
            "propertyNames": {"minLength": 1, "maxLength": MAX_ATTRIBUTE_NAME, **_NO_NUL},
            "additionalProperties": _ATTRIBUTE,
        },
    ),
]
