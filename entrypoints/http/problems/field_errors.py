"""The codes that can occur in a problem's `errors`, with their meanings and remedies."""

from dataclasses import dataclass
from typing import Final

from domain.money import MAX_AMOUNT
from domain.order.attributes import MAX_ATTRIBUTES_BYTES


@dataclass(frozen=True, slots=True)
class FieldErrorEntry:
    """A code for an invalid value."""

    code: str
    meaning: str
    remedy: str


#: Sorted by code.
FIELD_ERRORS: Final = (
    FieldErrorEntry(
        "bad-cursor",
        "The cursor was not made by this service, or was changed.",
        "Take the whole address of the next page from the Link header.",
    ),
    FieldErrorEntry(
        "bad-etag",
        "If-Match is not a list of entity tags.",
        'Send the ETag of the response, with its quotes: "v1".',
    ),
    FieldErrorEntry(
        "invalid-timestamp",
        "The value is not a timestamp of RFC 3339.",
        "Write date, time and offset: 2026-01-31T12:00:00Z.",
    ),
    FieldErrorEntry(
        "lone-surrogate",
        "The string has half of a UTF-16 surrogate pair.",
        "Cut strings between characters, and encode them as UTF-8.",
    ),
    FieldErrorEntry("missing", "The value must be given.", "Add it."),
    FieldErrorEntry(
        "not-a-number",
        "The amount is not a finite decimal number in ASCII digits.",
        "Write digits with at most one decimal point and no separators: 1999.90.",
    ),
    FieldErrorEntry(
        "not-a-uuid", "The id is not a UUID.", "Copy it from a response of this service."
    ),
    FieldErrorEntry(
        "not-an-email",
        "The address breaks the rules of e-mail addresses or of domain names.",
        "Send the plain address, without a name, quotes or spaces.",
    ),
    FieldErrorEntry("nul-character", "The string has the character U+0000.", "Remove it."),
    FieldErrorEntry(
        "out-of-range",
        f"The number is too small or too large; an amount is from 0 to {MAX_AMOUNT}.",
        "Choose a number within the bounds in the detail.",
    ),
    FieldErrorEntry(
        "price-missing",
        "Some items have a price and this one has none.",
        "Give every item a price, or none.",
    ),
    FieldErrorEntry(
        "product-missing",
        "The item has neither a product_id nor a name.",
        "Give it a product_id, a name, or both.",
    ),
    FieldErrorEntry("repeated-field", "A JSON object has the field twice.", "Send it once."),
    FieldErrorEntry(
        "repeated-parameter",
        "The parameter is given more than once. Only status may be repeated, in a list's query.",
        "Send it once.",
    ),
    FieldErrorEntry(
        "space-in-username",
        'The user name has a space, probably from an unescaped "+".',
        'Send "+" as "%2B" in a form.',
    ),
    FieldErrorEntry(
        "too-large",
        f"The attributes of an item take more than {MAX_ATTRIBUTES_BYTES} bytes as JSON.",
        "Store less in the order.",
    ),
    FieldErrorEntry(
        "too-many-digits",
        "The amount has more digits after the decimal point than its currency.",
        "Round the amount to the currency's digits.",
    ),
    FieldErrorEntry(
        "unknown-currency",
        "The currency does not exist.",
        "Send an ISO 4217 code in capitals: USD.",
    ),
    FieldErrorEntry(
        "unknown-field",
        "The body has an unknown field.",
        "Correct its name, or remove it. The detail has the nearest known name.",
    ),
    FieldErrorEntry(
        "unknown-grant-type",
        "The token route does not support the grant type.",
        "Send grant_type=password, or leave it out.",
    ),
    FieldErrorEntry(
        "unknown-parameter",
        "The query has an unknown parameter.",
        "Correct its name, or remove it. The detail has the nearest known name.",
    ),
    FieldErrorEntry(
        "unknown-status",
        "The status does not exist.",
        "Send one of the statuses in the detail, in capitals.",
    ),
    FieldErrorEntry(
        "wrong-length",
        "The string or the list is too short or too long. Characters are code points, of a password"
        " after NFC.",
        "Use a length within the bounds in the detail.",
    ),
    FieldErrorEntry(
        "wrong-type",
        "The value has the wrong type.",
        "Send the type in the detail. /docs describes every field.",
    ),
)
