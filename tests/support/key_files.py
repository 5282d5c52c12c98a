"""Keys in PEM files."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from adapters.security.ed25519 import PrivateKey, parse_private


def private_pem(key: Any = None, password: bytes | None = None) -> bytes:
    """Return a private key in PKCS#8, by default a new Ed25519 key."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return pem


def public_pem(key: Any = None) -> bytes:
    """Return a public key in PEM, by default a new Ed25519 key."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def a_private_key() -> PrivateKey:
    """Return a new Ed25519 key."""
    return parse_private(private_pem())


def other_kinds() -> dict[str, Any]:
    """Return private keys of other kinds by name."""
    return {
        "RSA": rsa.generate_private_key(65537, 2048),
        "EC": ec.generate_private_key(ec.SECP256R1()),
    }


def key_files(folder: Path, name: str) -> tuple[str, str]:
    """Write a new Ed25519 key pair. Return the files of the private and the public key."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key))
    return str(private), str(public)
