"""The codes inside a problem's `errors`: what is wrong with one value, and how to put it right."""

from dataclasses import dataclass
from typing import Final

from domain.money import MAX_AMOUNT
from domain.order.attributes import MAX_ATTRIBUTES_BYTES


@dataclass(frozen=True, slots=True)
class FieldErrorEntry:
    """One code of a value's fault."""

    code: str
    meaning: str
    remedy: str


#: In the order of the alphabet.
FIELD_ERRORS: Final = (
    FieldErrorEntry(
        "bad-cursor",
        "The cursor was not made by this service, or was changed.",
        "Take the whole address of the next page from the Link header.",
    ),
    FieldErrorEntry(
        "bad-etag",
        "If-Match is no list of entity tags.",
        'Send the ETag of the answer that you read, with its quotes: "v1".',
    ),
    FieldErrorEntry(
        "invalid-timestamp",
        "The timestamp is none of RFC 3339.",
        "Write date, time and offset: 2026-01-31T12:00:00Z.",
    ),
    FieldErrorEntry(
        "lone-surrogate",
        "The text holds half of a UTF-16 surrogate pair.",
        "Cut texts between characters, and encode them as UTF-8.",
    ),
    FieldErrorEntry("missing", "The value must be given.", "Add it."),
    FieldErrorEntry(
        "not-a-number",
        "The amount is no decimal number in ASCII digits, or it is not finite.",
        "Write digits with at most one decimal point and no separators: 1999.90.",
    ),
    FieldErrorEntry("not-a-uuid", "The id is no UUID.", "Copy it from an answer of this service."),
    FieldErrorEntry(
        "not-an-email",
        "The address breaks the rules of e-mail addresses or of domain names.",
        "Send the plain address, without a name, quotes or spaces.",
    ),
    FieldErrorEntry("nul-character", "The text holds the character U+0000.", "Remove it."),
    FieldErrorEntry(
        "out-of-range",
        f"The number is too small or too large; an amount is from 0 to {MAX_AMOUNT}.",
        "Choose a number within the bounds that the detail names.",
    ),
    FieldErrorEntry(
        "price-missing",
        "Some items have a price and this one has none.",
        "Give every item a price, or none.",
    ),
    FieldErrorEntry(
        "product-missing",
        "The item does not say what is ordered.",
        "Give it a product_id, a name, or both.",
    ),
    FieldErrorEntry("repeated-field", "A JSON object has the member twice.", "Send it once."),
    FieldErrorEntry(
        "repeated-parameter",
        "The parameter is given more than once; only status may be, in a list's query.",
        "Send it once.",
    ),
    FieldErrorEntry(
        "space-in-username",
        'The user name has a space inside: most likely a "+" that was not escaped.',
        'Send "+" as "%2B" in a form.',
    ),
    FieldErrorEntry(
        "too-large",
        f"The attributes of an item take more than {MAX_ATTRIBUTES_BYTES} bytes as JSON.",
        "Keep less with the order.",
    ),
    FieldErrorEntry(
        "too-many-digits",
        "The amount has more digits behind the decimal point than its currency.",
        "Round the amount to the currency's digits.",
    ),
    FieldErrorEntry(
        "unknown-currency",
        "There is no such currency.",
        "Send a code of ISO 4217 in capitals: USD.",
    ),
    FieldErrorEntry(
        "unknown-field",
        "The body has a field that the service does not know.",
        "Correct its name, or remove it: the detail names the nearest known one.",
    ),
    FieldErrorEntry(
        "unknown-grant-type",
        "The token route does not know the grant type.",
        "Send grant_type=password, or leave it out.",
    ),
    FieldErrorEntry(
        "unknown-parameter",
        "The query has a parameter that the address does not know.",
        "Correct its name, or remove it: the detail names the nearest known one.",
    ),
    FieldErrorEntry(
        "unknown-status",
        "There is no such status.",
        "Send one of those that the detail lists, in capitals.",
    ),
    FieldErrorEntry(
        "wrong-length",
        "The text or the list is too short or too long. Characters are code points; a password's"
        " are counted in NFC.",
        "Keep to the length that the detail names.",
    ),
    FieldErrorEntry(
        "wrong-type",
        "The value is of another type than the one asked for.",
        "Look the field up in /docs, and send the type that the detail names.",
    ),
)
