"""The codes inside a problem's `errors`: what is wrong with one value, and how to put it right."""

from dataclasses import dataclass
from typing import Final

from domain.attributes import MAX_ATTRIBUTES_BYTES
from domain.money import MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """One code of a value's fault."""

    code: str
    meaning: str
    remedy: str


#: In the order of the alphabet.
FAULTS: Final = (
    FaultEntry(
        "bad-cursor",
        "The cursor was not made by this service, or was changed.",
        "Take the whole address of the next page from the Link header.",
    ),
    FaultEntry(
        "bad-etag",
        "If-Match is no list of entity tags.",
        'Send the ETag of the answer that you read, with its quotes: "v1".',
    ),
    FaultEntry(
        "lone-surrogate",
        "The text holds half of a UTF-16 surrogate pair.",
        "Cut texts between characters, and encode them as UTF-8.",
    ),
    FaultEntry("missing", "The value must be given.", "Add it."),
    FaultEntry(
        "not-a-moment",
        "The timestamp is none of RFC 3339.",
        "Write date, time and offset: 2026-01-31T12:00:00Z.",
    ),
    FaultEntry(
        "not-a-number",
        "The amount is no decimal number in ASCII digits, or it is not finite.",
        "Write digits with at most one decimal point and no separators: 1999.90.",
    ),
    FaultEntry("not-a-uuid", "The id is no UUID.", "Copy it from an answer of this service."),
    FaultEntry(
        "not-an-email",
        "The address breaks the rules of e-mail addresses or of domain names.",
        "Send the plain address, without a name, quotes or spaces.",
    ),
    FaultEntry("nul-character", "The text holds the character U+0000.", "Remove it."),
    FaultEntry(
        "out-of-range",
        f"The number is too small or too large; an amount is from 0 to {MAX_AMOUNT}.",
        "Choose a number within the bounds that the detail names.",
    ),
    FaultEntry(
        "price-missing",
        "Some items have a price and this one has none.",
        "Give every item a price, or none.",
    ),
    FaultEntry(
        "product-missing",
        "The item does not say what is ordered.",
        "Give it a product_id, a name, or both.",
    ),
    FaultEntry("repeated-field", "A JSON object has the member twice.", "Send it once."),
    FaultEntry(
        "repeated-parameter",
        "The parameter is given more than once; only status may be, in a list's query.",
        "Send it once.",
    ),
    FaultEntry(
        "space-in-username",
        'The user name has a space inside: most likely a "+" that was not escaped.',
        'Send "+" as "%2B" in a form.',
    ),
    FaultEntry(
        "too-large",
        f"The attributes of an item take more than {MAX_ATTRIBUTES_BYTES} bytes as JSON.",
        "Keep less with the order.",
    ),
    FaultEntry(
        "too-many-digits",
        "The amount has more digits behind the decimal point than its currency.",
        "Round the amount to the currency's digits.",
    ),
    FaultEntry(
        "unknown-currency",
        "There is no such currency.",
        "Send a code of ISO 4217 in capitals: USD.",
    ),
    FaultEntry(
        "unknown-field",
        "The body has a field that the service does not know.",
        "Correct its name, or remove it: the detail names the nearest known one.",
    ),
    FaultEntry(
        "unknown-grant-type",
        "The token route does not know the grant type.",
        "Send grant_type=password, or leave it out.",
    ),
    FaultEntry(
        "unknown-parameter",
        "The query has a parameter that the address does not know.",
        "Correct its name, or remove it: the detail names the nearest known one.",
    ),
    FaultEntry(
        "unknown-status",
        "There is no such status.",
        "Send one of those that the detail lists, in capitals.",
    ),
    FaultEntry(
        "wrong-length",
        "The text or the list is too short or too long. Characters are code points; a password's"
        " are counted in NFC.",
        "Keep to the length that the detail names.",
    ),
    FaultEntry(
        "wrong-type",
        "The value is of another type than the one asked for.",
        "Look the field up in /docs, and send the type that the detail names.",
    ),
)
