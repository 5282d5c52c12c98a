"""Signing keys: the present one signs, and previous ones still verify (key rotation)."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

#: The size of an HMAC-SHA256 (RFC 7518, 3.2).
MIN_SECRET_BYTES: Final = 32


class SigningKeys:
    """The present key, and the previous ones.

    Raises:
        ValueError: a secret is shorter than 32 bytes.
    """

    def __init__(self, secret: bytes, previous: Sequence[bytes] = ()) -> None:
        self._keys = (secret, *previous)
        if any(len(key) < MIN_SECRET_BYTES for key in self._keys):
            raise ValueError(f"A signing secret has at least {MIN_SECRET_BYTES} bytes.")

    @property
    def signing(self) -> bytes:
        """The one key that signs."""
        return self._keys[0]

    def __iter__(self) -> Iterator[bytes]:
        """Every key that verifies, the signing one first."""
        return iter(self._keys)

    def derived(self, label: bytes) -> "SigningKeys":
        """Return keys for another purpose, which do not reveal these (RFC 5869, expand)."""
        first, *rest = (hmac.digest(key, label + b"\x01", "sha256") for key in self._keys)
        return SigningKeys(first, rest)


def key_id(key: bytes) -> str:
    """Return a short public name of a key, the same in every process.

    The key is hashed twice, because a single hash could serve as a derived key elsewhere.
    """
    return hashlib.sha256(hashlib.sha256(key).digest()).hexdigest()[:8]
