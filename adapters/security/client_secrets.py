"""Random client secrets."""

import hashlib
import hmac
import secrets
from typing import Final

_BYTES: Final = 32
#: The digest of no known secret, which takes the place of a missing client's.
_UNKNOWN: Final = secrets.token_bytes(hashlib.sha256().digest_size)


class RandomClientSecrets:
    """`ClientSecrets` of 32 random bytes in base64url (RFC 4648).

    The stored digest is SHA-256 without a salt. Slow hashes such as argon2id are only necessary for
    secrets that can be guessed, and these have 256 random bits.
    """

    def new(self) -> str:
        """Return a new secret."""
        return secrets.token_urlsafe(_BYTES)

    def hash(self, secret: str) -> bytes:
        """Return the digest that is stored instead of the secret."""
        return hashlib.sha256(secret.encode()).digest()

    def verify(self, stored: bytes | None, secret: str) -> bool:
        """Return whether a secret has this digest, in constant time."""
        matches = hmac.compare_digest(_UNKNOWN if stored is None else stored, self.hash(secret))
        return matches and stored is not None
