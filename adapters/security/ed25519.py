"""Ed25519 keys in PEM files and as JSON Web Keys (RFC 8032, 8037, 8410).

cryptography is only imported when a key is used, because it costs a process 9 MiB.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: The algorithm in JSON Web Signatures (RFC 8037, section 3.1).
ALGORITHM: Final = "EdDSA"

_NOT_PRIVATE: Final = "must be a file with an Ed25519 private key in PEM (PKCS#8), not encrypted"
_NOT_PUBLIC: Final = "must be files with one Ed25519 public key each in PEM (SubjectPublicKeyInfo)"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of 32 bytes."""

    raw: bytes

    @property
    def id(self) -> str:
        """The key's thumbprint (RFC 7638), as `kid`."""
        members = json.dumps(self._required(), separators=(",", ":"), sort_keys=True)
        return _base64url(hashlib.sha256(members.encode()).digest())

    @property
    def jwk(self) -> Mapping[str, str]:
        """The JSON Web Key (RFC 7517)."""
        return {**self._required(), "kid": self.id, "use": "sig", "alg": ALGORITHM}

    def loaded(self) -> Any:
        """Return the key as an object of cryptography."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
            Ed25519PublicKey,
        )

        return Ed25519PublicKey.from_public_bytes(self.raw)

    def _required(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(self.raw)}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key of 32 bytes, and its public key."""

    raw: bytes = field(repr=False)
    public: PublicKey

    def loaded(self) -> Any:
        """Return the key as an object of cryptography."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
            Ed25519PrivateKey,
        )

        return Ed25519PrivateKey.from_private_bytes(self.raw)


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """The private key that signs, if there is one, and further public keys that only verify."""

    signing: PrivateKey | None = None
    further: Sequence[PublicKey] = ()

    @property
    def public(self) -> tuple[PublicKey, ...]:
        """All public keys, each of them once, starting with the one of the signing key."""
        first = [self.signing.public] if self.signing else []
        return tuple(dict.fromkeys((*first, *self.further)))

    @property
    def jwks(self) -> Sequence[Mapping[str, str]]:
        """The JSON Web Keys to publish."""
        return [key.jwk for key in self.public]


def parse_private(pem: bytes) -> PrivateKey:
    """Parse a private key.

    Raises:
        ValueError: it is another kind of key, encrypted, or not a key at all.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - see above
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(_NOT_PRIVATE) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{_NOT_PRIVATE}; this is another kind of key ({_kind(key)})")  # noqa: TRY004 - it is a value
    return PrivateKey(key.private_bytes_raw(), PublicKey(key.public_key().public_bytes_raw()))


def parse_public(pem: bytes) -> PublicKey:
    """Parse a public key.

    Raises:
        ValueError: it is another kind of key, or not a public key at all.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - see above
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(_NOT_PUBLIC) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{_NOT_PUBLIC}; this is another kind of key ({_kind(key)})")  # noqa: TRY004 - it is a value
    return PublicKey(key.public_bytes_raw())


def _kind(key: object) -> str:
    """Return the kind of a key, such as RSA, from the name of its class."""
    return type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
