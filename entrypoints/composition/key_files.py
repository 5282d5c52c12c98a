"""Read the files of asymmetric keys when the settings are read."""

from pathlib import Path

from adapters.security.ed25519 import PrivateKey, PublicKey, parse_private, parse_public

__all__ = ["PrivateKey", "PublicKey", "private_key", "public_key"]


def private_key(text: str) -> PrivateKey:
    """Read a private key from a file.

    Raises:
        ValueError: the file cannot be read, or does not contain an Ed25519 private key in PEM.
    """
    return parse_private(_content(text))


def public_key(text: str) -> PublicKey:
    """Read a public key from a file.

    Raises:
        ValueError: the file cannot be read, or does not contain an Ed25519 public key in PEM.
    """
    return parse_public(_content(text))


def _content(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({text}: {error.strerror})") from None
