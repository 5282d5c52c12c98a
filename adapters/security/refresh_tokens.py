"""Random refresh tokens."""

import base64
import hashlib
import re
import secrets
from typing import Final

from application.ports.sessions import RefreshToken

_HANDLE_BYTES: Final = 16
_SECRET_BYTES: Final = 32
#: 48 bytes in base64url, which need no padding.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{64}")


class RandomRefreshTokens:
    """`RefreshTokens` that consist of a handle and a secret in base64url (RFC 4648).

    The stored digests are SHA-256 without a salt. Slow hashes are only necessary for secrets that
    can be guessed, and these have 256 random bits.
    """

    def __init__(self, lifetime: int) -> None:
        self._lifetime = lifetime

    @property
    def lifetime(self) -> int:
        """The lifetime of every token in seconds. Each use of a session starts it again."""
        return self._lifetime

    def new(self) -> RefreshToken:
        """Return the first token of a new session."""
        return _token(secrets.token_bytes(_HANDLE_BYTES + _SECRET_BYTES))

    def successor(self, token: RefreshToken) -> RefreshToken:
        """Return another token of the same session."""
        return _token(_handle(_decoded(token.text)) + secrets.token_bytes(_SECRET_BYTES))

    def parse(self, text: str) -> RefreshToken | None:
        """Return the token with this text, or None if it isn't well-formed."""
        return _token(_decoded(text)) if _TOKEN.fullmatch(text) else None


def _token(raw: bytes) -> RefreshToken:
    text = base64.urlsafe_b64encode(raw).decode()
    return RefreshToken(text, _digest(_handle(raw)), _digest(raw))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)


def _handle(raw: bytes) -> bytes:
    return raw[:_HANDLE_BYTES]


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
