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
        "bad-credentials",
        "The Basic header does not contain a client id and a secret.",
        "Percent-encode both, join them with a colon, and encode the result in base64.",
    ),
    FieldErrorEntry(
        "bad-cursor",
        "The cursor was not issued by this service, or has been altered.",
        "Use the complete address of the next page from the Link header.",
    ),
    FieldErrorEntry(
        "bad-etag",
        "If-Match is not a list of entity tags.",
        'Send the ETag of the response, with its quotes: "v1".',
    ),
    FieldErrorEntry(
        "bad-idempotency-key",
        "Idempotency-Key is empty, too long, or not a well-formed string.",
        "Send 1 to 255 visible ASCII characters, for example a UUID.",
    ),
    FieldErrorEntry(
        "bad-name",
        "The name of a machine client has other characters than letters, digits, dots, hyphens and"
        " underscores, or it is a UUID.",
        "Choose a name such as payments.",
    ),
    FieldErrorEntry(
        "closed-grant-type",
        "The operator has switched off tokens for passwords (PASSWORD_GRANT=off).",
        "Use a refresh token, the credentials of a machine client, or a token of the outside"
        " issuer.",
    ),
    FieldErrorEntry(
        "invalid-encoding",
        "The bytes of a query parameter are not UTF-8.",
        "Encode the value as UTF-8 before you percent-encode it.",
    ),
    FieldErrorEntry(
        "invalid-timestamp",
        "The value is not an RFC 3339 timestamp.",
        "Write the date, the time and the offset: 2026-01-31T12:00:00Z.",
    ),
    FieldErrorEntry(
        "lone-surrogate",
        "The string contains half of a UTF-16 surrogate pair.",
        "Only cut strings between characters, and encode them as UTF-8.",
    ),
    FieldErrorEntry("missing", "The value is required.", "Add it."),
    FieldErrorEntry(
        "not-a-number",
        "The amount is not a finite decimal number in ASCII digits.",
        "Write digits with at most one decimal point and no separators: 1999.90.",
    ),
    FieldErrorEntry(
        "not-a-uuid", "The id is not a UUID.", "Copy it from one of the service's responses."
    ),
    FieldErrorEntry(
        "not-an-email",
        "The value is not a valid e-mail address, or its domain is not a valid domain name.",
        "Send the plain address, without a name, quotes or spaces.",
    ),
    FieldErrorEntry("nul-character", "The string contains the character U+0000.", "Remove it."),
    FieldErrorEntry(
        "out-of-range",
        f"The number is too small or too large. Amounts range from 0 to {MAX_AMOUNT}.",
        "Choose a number within the bounds given in the detail.",
    ),
    FieldErrorEntry(
        "price-missing",
        "Some items have a price, but this one does not.",
        "Give every item a price, or none of them.",
    ),
    FieldErrorEntry(
        "product-missing",
        "The item has neither a product_id nor a name.",
        "Give it a product_id, a name, or both.",
    ),
    FieldErrorEntry(
        "repeated-field", "A JSON object contains the field more than once.", "Send it once."
    ),
    FieldErrorEntry(
        "repeated-parameter",
        "The parameter is given more than once. Only status may be repeated, when listing orders.",
        "Send it once.",
    ),
    FieldErrorEntry(
        "space-in-username",
        'The user name contains a space, probably from an unescaped "+".',
        'Send "+" as "%2B" in a form.',
    ),
    FieldErrorEntry(
        "too-large",
        f"The attributes of an item take up more than {MAX_ATTRIBUTES_BYTES} bytes as JSON.",
        "Send fewer or shorter attributes.",
    ),
    FieldErrorEntry(
        "too-many-digits",
        "The amount has more digits after the decimal point than its currency allows.",
        "Round the amount to the currency's digits.",
    ),
    FieldErrorEntry(
        "two-credentials",
        "The request has two client ids or secrets: in the form, and in the Basic header.",
        "Send them in one place only.",
    ),
    FieldErrorEntry(
        "unknown-currency",
        "The currency does not exist.",
        "Send an ISO 4217 code in capitals: USD.",
    ),
    FieldErrorEntry(
        "unknown-field",
        "The body contains an unknown field.",
        "Correct its name, or remove it. The detail suggests the closest known name.",
    ),
    FieldErrorEntry(
        "unknown-grant-type",
        "The token route does not support the grant type.",
        "Send one of the grant types in the detail. Leave it out to log in with a password.",
    ),
    FieldErrorEntry(
        "unknown-parameter",
        "The query contains an unknown parameter.",
        "Correct its name, or remove it. The detail suggests the closest known name.",
    ),
    FieldErrorEntry(
        "unknown-scope",
        "There is no scope with this name, or the machine client does not have it.",
        "Use one of the scopes that the client has, or leave out `scope` to get all of them.",
    ),
    FieldErrorEntry(
        "unknown-status",
        "The status does not exist.",
        "Send one of the statuses listed in the detail, in capitals.",
    ),
    FieldErrorEntry(
        "wrong-length",
        "The string or the list is too short or too long. Characters are counted as code points,"
        " and those of a password after NFC normalization.",
        "Use a length within the bounds given in the detail.",
    ),
    FieldErrorEntry(
        "wrong-type",
        "The value has the wrong type.",
        "Send the type named in the detail. /docs describes every field.",
    ),
)
