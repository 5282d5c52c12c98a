"""How each kind of setting is read from its text.

Every reader raises ValueError with what the text must be.
"""

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

from application.ports.limits import Limit
from domain.currency import MINOR_DIGITS

_TOPIC_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{0,200}")
_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#@\s]+")
#: Segments of unreserved characters (RFC 3986, section 2.3) that are neither `.` nor `..`.
_PATH_PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_MAX_PATH_PREFIX_LENGTH: Final = 200
_PERIODS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def text(value: str) -> str:
    """Any text."""
    return value


def optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """As `read`; None where it is not set."""
    return lambda text: read(text) if text else None


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number from `minimum` to `maximum`."""

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
        if not minimum <= number <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return number

    return read


def seconds(text: str) -> timedelta:
    """A number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 10_000_000:
        raise ValueError("must be a number of seconds, 0 or more")
    return timedelta(seconds=number)


def choice(*choices: str) -> Callable[[str], str]:
    """One of these."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return text

    return read


def limit(name: str) -> Callable[[str], Limit | None]:
    """`N/second`, `N/minute`, `N/hour` or `N/day`; None for `off`."""

    def read(text: str) -> Limit | None:
        if text == "off":
            return None
        count, _, period = text.partition("/")
        if not (count.isascii() and count.isdigit() and int(count[:10]) > 0 and period in _PERIODS):
            raise ValueError("must be N/second, N/minute, N/hour, N/day or off")
        return Limit(name, int(count), _PERIODS[period])

    return read


def brokers(text: str) -> str:
    """`host:port[,host:port]`."""
    for broker in text.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("must be host:port[,host:port]")
    return text


def topic_prefix(text: str) -> str:
    """What may stand before the name of a Kafka topic, which has 249 characters in all."""
    if not _TOPIC_PREFIX.fullmatch(text):
        raise ValueError("must have at most 200 of the characters A-Z a-z 0-9 . _ -")
    return text


def sender(text: str) -> str:
    """The address of a sender, with or without a name before it (RFC 5322)."""
    _, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or not text.isprintable():
        raise ValueError("must be an address such as shop@example.com")
    return text


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks (CIDR), separated by commas."""
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise ValueError(
            f"must be networks such as 10.0.0.0/8, separated by commas: {error}"
        ) from None


def reference(text: str) -> str:
    """`module:attribute`, both with dots perhaps."""
    module, separator, attribute = text.partition(":")
    names = (*module.split("."), *attribute.split("."))
    if not separator or not all(name.isidentifier() for name in names):
        raise ValueError("must be module:attribute")
    return text


def texts(text: str) -> tuple[str, ...]:
    """Texts, separated by commas."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def origins(text: str) -> tuple[str, ...]:
    """Origins as browsers write them (RFC 6454, section 6.1), separated by commas, or `*`."""
    found = texts(text)
    if not all(_ORIGIN.fullmatch(each) for each in found):
        raise ValueError("must be origins such as https://shop.example.com, without a path")
    return found


def path_prefix(text: str) -> str:
    """The beginning of every path outside of a proxy, such as `/shop`; empty for none."""
    if text in {"", "/"}:
        return ""
    if len(text) > _MAX_PATH_PREFIX_LENGTH or not _PATH_PREFIX.fullmatch(text):
        raise ValueError(
            "must be a path such as /shop: a slash before each part and none at the end"
        )
    return text


def secret(text: str) -> bytes:
    """A key of at least 32 bytes."""
    if len(text.encode()) < 32:
        raise ValueError("must have at least 32 bytes")
    return text.encode()


def secrets(text: str) -> tuple[bytes, ...]:
    """Keys, separated by commas."""
    return tuple(secret(each) for each in texts(text))


def secret_file(text: str) -> bytes:
    """The key in a file."""
    try:
        return secret(Path(text).read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from None


def currency(text: str) -> str:
    """An ISO 4217 code."""
    if text not in MINOR_DIGITS:
        raise ValueError("must be an ISO 4217 code such as USD")
    return text


def log_format(text: str) -> str:
    """`console` or `json`; unset: `console` on a terminal."""
    return choice("console", "json")(text or ("console" if sys.stderr.isatty() else "json"))
