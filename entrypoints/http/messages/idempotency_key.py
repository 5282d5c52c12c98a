"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07)."""

import re
from typing import Final

from entrypoints.http.errors import BadIdempotencyKey, HeaderError

MAX_KEY: Final = 255
#: Visible ASCII characters (RFC 5234, VCHAR).
_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY}}}")
#: A string in the sense of RFC 9651, section 3.3.3.
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPE: Final = re.compile(r'\\(["\\])')


def parse_key(header: str) -> str:
    """Return the key in a header. `"k"`, as the draft writes it, and `k` are the same key.

    Raises:
        BadIdempotencyKey: the key is empty, too long or has other characters than visible ASCII, or
            it starts with a double quote without being a well-formed string.
    """
    text = header.strip(" \t")
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        text = _ESCAPE.sub(r"\1", quoted[1]) if quoted else ""
    if not _KEY.fullmatch(text):
        raise bad_key()
    return text


def bad_key() -> BadIdempotencyKey:
    """Return the error for an ill-formed key. It does not repeat the key."""
    detail = f"Must have 1 to {MAX_KEY} visible ASCII characters, with or without double quotes."
    return BadIdempotencyKey([HeaderError(("Idempotency-Key",), "bad-idempotency-key", detail)])
