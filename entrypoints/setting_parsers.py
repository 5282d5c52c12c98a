"""Setting parsers, which turn a text into a value.

They raise ValueError. Its message is a sentence without a subject, because the setting's name will
be put in front of it.
"""

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, TypeVar

from application.ports.limits import Limit
from domain.money import CURRENCIES

T = TypeVar("T")

#: Segments of unreserved characters (RFC 3986, section 2.3) that are neither `.` nor `..`.
_PATH_PREFIX: Final = re.compile(r"(?=.{1,200}$)(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_SECONDS_PER_PERIOD: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_MIN_SECRET_BYTES: Final = 32


def matching(pattern: str, requirement: str) -> Callable[[str], str]:
    """Return a parser that only accepts full matches of a regular expression."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(requirement)
        return text

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that only accepts these choices."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return text

    return parse


def switch(text: str) -> bool:
    """Parse `on` or `off`."""
    return one_of("on", "off")(text) == "on"


def comma_separated(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Return a parser for a list of values separated by commas."""
    return lambda text: tuple(parse(each.strip()) for each in text.split(",") if each.strip())


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser for a number in ASCII digits, from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else -1
        if not minimum <= number <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return number

    return parse


def seconds(text: str) -> timedelta:
    """Parse a number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 10_000_000:
        raise ValueError("must be a number of seconds, 0 or more")
    return timedelta(seconds=number)


def rate_limit(name: str) -> Callable[[str], Limit | None]:
    """Return a parser for `N/second`, `N/minute`, `N/hour`, `N/day`, or `off` (which is None)."""

    def parse(text: str) -> Limit | None:
        if text == "off":
            return None
        found = re.fullmatch(r"0*([1-9][0-9]*)/(second|minute|hour|day)", text)
        if found is None:
            raise ValueError("must be N/second, N/minute, N/hour, N/day or off")
        return Limit(name, int(found[1]), _SECONDS_PER_PERIOD[found[2]])

    return parse


def brokers(text: str) -> str:
    """Parse `host:port[,host:port]`."""
    for broker in text.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("must be host:port[,host:port]")
    return text


def sender(text: str) -> str:
    """Parse a sender's address, with or without a display name (RFC 5322)."""
    local, _, domain = parseaddr(text)[1].rpartition("@")
    if not local or not domain or not text.isprintable():
        raise ValueError("must be an address such as shop@example.com")
    return text


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse a list of networks in CIDR notation, separated by commas."""
    try:
        return comma_separated(ip_network)(text)
    except ValueError as error:
        raise ValueError(
            f"must be networks such as 10.0.0.0/8, separated by commas: {error}"
        ) from None


def reference(text: str) -> str:
    """Parse `module:attribute`. Both parts may contain dots."""
    module, separator, attribute = text.partition(":")
    names = (*module.split("."), *attribute.split("."))
    if not separator or not all(name.isidentifier() for name in names):
        raise ValueError("must be module:attribute")
    return text


def path_prefix(text: str) -> str:
    """Parse the path prefix that a proxy strips, such as `/shop`. `/` means the empty prefix."""
    if text in {"", "/"}:
        return ""
    if not _PATH_PREFIX.fullmatch(text):
        raise ValueError(
            "must be a path such as /shop: a slash before each part and none at the end"
        )
    return text


def secret(text: str) -> bytes:
    """Parse a key of at least 32 bytes."""
    if len(text.encode()) < _MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {_MIN_SECRET_BYTES} bytes")
    return text.encode()


def secret_file(text: str) -> bytes:
    """Read a key from a file."""
    try:
        return secret(Path(text).read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from None


def currency(text: str) -> str:
    """Parse an ISO 4217 code."""
    if text not in CURRENCIES:
        raise ValueError("must be an ISO 4217 code such as USD")
    return text


def log_format(text: str) -> str:
    """Parse `console` or `json`. The default is `console` on a terminal, and `json` otherwise."""
    return one_of("console", "json")(text or ("console" if sys.stderr.isatty() else "json"))
