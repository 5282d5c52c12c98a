"""Addresses of an issuer and its keys."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_MAX_LENGTH: Final = 500
_REQUIREMENT: Final = (
    "must be an https URL without user, query and fragment; http is only accepted for localhost"
)


def check_url(text: str) -> None:
    """Check an address for OpenID Connect Discovery, section 4.3, and RFC 8414, section 2.

    Raises:
        ValueError: it is not https (or http on a loopback address), or has other parts than a path.
    """
    if len(text) > _MAX_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(_REQUIREMENT)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_REQUIREMENT) from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not is_safe or "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError(_REQUIREMENT)


def is_secure(url: str) -> bool:
    """Return whether an address uses TLS."""
    return urlsplit(url).scheme == "https"


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
