"""Hide secrets and e-mail addresses in text that is not ours, such as library messages."""

import re
from contextvars import ContextVar
from typing import Final

HIDDEN: Final = "[hidden]"
_MIN_CHARACTERS: Final = 6

#: The current request's secrets (see `keep_out_of_logs`).
_secrets: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())

_PATTERNS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # JSON Web Tokens (RFC 7519) and credentials in an Authorization header.
        (r"eyJ[\w-]+(?:\.[\w-]*){1,2}", HIDDEN),
        (r"(?i)\b(bearer|basic) +[\w~+/.=-]+", rf"\1 {HIDDEN}"),
        # Refresh tokens.
        (r"(?<![\w-])[\w-]{64}(?![\w-])", HIDDEN),
        # Password hashes as PHC strings.
        (r"\$(?:argon2|scrypt|pbkdf2|2[aby])[\w-]*\$[\w+/=,.$-]*", HIDDEN),
        # The password in a URL.
        (r"(\w://[^\s:/@]*):[^\s@]+@", rf"\1:{HIDDEN}@"),
        # An e-mail address, but not the user and the host in a URL.
        (r"(?<!//)(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", HIDDEN),
        # asyncpg's errors repeat parameters it can't encode, and PostgreSQL's DETAIL repeats rows.
        (r"(invalid input for query argument \$\d+: ).*(?= \()", rf"\1{HIDDEN}"),
        (r"(DETAIL: +).*", rf"\1{HIDDEN}"),
    )
)


def keep_out_of_logs(*secrets: str) -> None:
    """Hide these texts in failures that the current task logs from now on.

    Texts that are shorter than any password are not hidden. Hiding every `e`, for example, would
    make a traceback unreadable.
    """
    _secrets.set(_secrets.get() + tuple(each for each in secrets if len(each) >= _MIN_CHARACTERS))


def without_secrets(text: str) -> str:
    """Return the text with all secrets hidden."""
    for secret in _secrets.get():
        for written in (secret, repr(secret)[1:-1]):
            text = text.replace(written, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
