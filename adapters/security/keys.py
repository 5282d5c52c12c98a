"""Rotating signing keys. The current key is used for signing, and all keys for verifying."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

#: The minimum for HMAC-SHA256 (RFC 7518, section 3.2).
MIN_SECRET_BYTES: Final = 32


class SigningKeys:
    """The current key and previous keys.

    Raises:
        ValueError: a secret is shorter than 32 bytes.
    """

    def __init__(self, secret: bytes, previous: Sequence[bytes] = ()) -> None:
        self._keys = (secret, *previous)
        if any(len(key) < MIN_SECRET_BYTES for key in self._keys):
            raise ValueError(f"A signing secret has at least {MIN_SECRET_BYTES} bytes.")

    @property
    def signing(self) -> bytes:
        """The key to sign with."""
        return self._keys[0]

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the keys to verify with, starting with the signing key."""
        return iter(self._keys)

    def derived(self, label: bytes) -> "SigningKeys":
        """Derive keys for another purpose with HKDF-Expand (RFC 5869).

        The derived keys don't reveal anything about the original keys.
        """
        first, *rest = (hmac.digest(key, label + b"\x01", "sha256") for key in self._keys)
        return SigningKeys(first, rest)


def key_id(key: bytes) -> str:
    """Return a short public name for a key, which is the same in every process.

    The key is hashed twice because other software might use the hash of a secret as a key.
    """
    return hashlib.sha256(hashlib.sha256(key).digest()).hexdigest()[:8]
