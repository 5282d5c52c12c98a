"""The hops that `X-Forwarded-For` and `Forwarded` (RFC 7239) name, the client's first."""

import re
from collections.abc import Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

Address = IPv4Address | IPv6Address


class Unnamed(Enum):
    """Why a hop has no address."""

    #: Its element of `Forwarded` has no `for` (RFC 7239, section 4).
    SILENT = 1
    #: `unknown`, an obfuscated identifier (RFC 7239, section 6), or nothing that can be read.
    UNREADABLE = 2


Hop = Address | Unnamed

#: One parameter of an element and the separator after it (RFC 7239, section 4).
_PARAMETER: Final = re.compile(
    r"""[ \t]*(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)
    =(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^ \t",;]*)))?
    [ \t]*(?P<end>[;,]|$)""",
    re.VERBOSE,
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
#: `host:port` and `[host]:port`; a port may be obfuscated (RFC 7239, section 6.3).
_WITH_PORT: Final = re.compile(
    r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<bare>[^\[\]]*?))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
)


def hops_of_x_forwarded_for(header: str) -> list[Hop]:
    """Return the hops of the de-facto header; empty members are none."""
    return [parse_node(each.strip(' \t"')) for each in header.split(",") if each.strip()]


def hops_of_forwarded(header: str) -> list[Hop]:
    """Return the hops of the standard header; one unreadable hop if it breaks the grammar."""
    try:
        return list(_elements(header))
    except ValueError:
        return [Unnamed.UNREADABLE]


def parse_address(text: str) -> Address | None:
    """Return the address, an IPv4-mapped one as IPv4, or None if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_node(text: str) -> Hop:
    """Parse an address with or without brackets and a port (RFC 7239, section 6)."""
    if address := parse_address(text):
        return address
    match = _WITH_PORT.fullmatch(text)
    host = (match["bracketed"] or match["bare"] or "") if match else ""
    return parse_address(host) or Unnamed.UNREADABLE


def _elements(header: str) -> Iterator[Hop]:
    """Raises ValueError if the header breaks the grammar."""
    element: dict[str, str] = {}
    position, is_over = 0, False
    while not is_over:
        match = _PARAMETER.match(header, position)
        if match is None:
            raise ValueError("no parameter")
        if name := match["name"]:
            if name.lower() in element:
                raise ValueError("a parameter occurs twice")
            quoted = match["quoted"]
            value = match["token"] if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            element[name.lower()] = value
        if match["end"] != ";" and element:
            yield parse_node(element["for"]) if "for" in element else Unnamed.SILENT
            element = {}
        position, is_over = match.end(), not match["end"]
