"""Hiding secrets in texts from outside: messages of exceptions and of libraries."""

import re
from contextvars import ContextVar
from typing import Final

HIDDEN: Final = "[hidden]"
_MIN_CHARACTERS: Final = 6

#: Secrets of the current request; see `keep_out_of_logs`.
_secrets: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())

_PATTERNS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # JSON Web Tokens (RFC 7519) and credentials of an Authorization header.
        (r"eyJ[\w-]+(?:\.[\w-]*){1,2}", HIDDEN),
        (r"(?i)\b(bearer|basic) +[\w~+/.=-]+", rf"\1 {HIDDEN}"),
        # Password hashes in the form of PHC strings.
        (r"\$(?:argon2|scrypt|pbkdf2|2[aby])[\w-]*\$[\w+/=,.$-]*", HIDDEN),
        # The password of a URL.
        (r"(\w://[^\s:/@]*):[^\s@]+@", rf"\1:{HIDDEN}@"),
        # asyncpg repeats a parameter that it cannot encode; PostgreSQL's DETAIL repeats rows.
        (r"(invalid input for query argument \$\d+: ).*(?= \()", rf"\1{HIDDEN}"),
        (r"(DETAIL: +).*", rf"\1{HIDDEN}"),
    )
)


def keep_out_of_logs(*secrets: str) -> None:
    """Hide these texts in failures that the current task logs from now on.

    Texts shorter than any password stay: to hide every `e` would make a traceback unreadable.
    """
    _secrets.set(_secrets.get() + tuple(each for each in secrets if len(each) >= _MIN_CHARACTERS))


def without_secrets(text: str) -> str:
    """Return the text with every secret in it hidden."""
    for secret in _secrets.get():
        for written in (secret, repr(secret)[1:-1]):
            text = text.replace(written, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
