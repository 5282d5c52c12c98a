"""Parse the hops in the headers `X-Forwarded-For` and `Forwarded` (RFC 7239)."""

import re
from collections.abc import Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

Address = IPv4Address | IPv6Address


class Unnamed(Enum):
    """Why a hop doesn't have an address."""

    #: There is no `for` in its element of `Forwarded` (RFC 7239, section 4).
    ABSENT = 1
    #: It is `unknown`, an obfuscated identifier (RFC 7239, section 6), or malformed.
    HIDDEN = 2


Hop = Address | Unnamed

#: Real headers are many times shorter. Clients can send up to 64 KiB.
_MAX_FORWARDED_LENGTH: Final = 4096
_MAX_NODE_LENGTH: Final = 128
#: A parameter in an element, with the separator that follows it (RFC 7239, section 4).
_PARAMETER: Final = re.compile(
    r"""[ \t]*(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)
    =(?:"(?P<quoted>(?:[^"\\]++|\\.)*+)"|(?P<token>[^ \t",;]*)))?
    [ \t]*(?P<end>[;,]|$)""",
    re.VERBOSE,
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
#: `host:port` or `[host]:port`. The port may be obfuscated (RFC 7239, section 6.3).
_WITH_PORT: Final = re.compile(
    r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<bare>[^\[\]]*?))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
)


def hops_of_x_forwarded_for(header: str) -> Iterator[Hop]:
    """Yield the hops in `X-Forwarded-For`, nearest first, skipping empty members."""
    return (parse_node(each.strip(' \t"')) for each in reversed(header.split(",")) if each.strip())


def hops_of_forwarded(header: str) -> Iterator[Hop]:
    """Yield the hops in `Forwarded`, nearest first.

    A header that is malformed or too long is treated as one hidden hop.
    """
    try:
        nodes = list(_nodes(header))
    except ValueError:
        return iter([Unnamed.HIDDEN])
    return (Unnamed.ABSENT if node is None else parse_node(node) for node in reversed(nodes))


def parse_address(text: str) -> Address | None:
    """Parse an address, converting IPv4-mapped ones to IPv4. Return None if it is malformed."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_node(text: str) -> Hop:
    """Parse an address, with or without brackets and a port (RFC 7239, section 6)."""
    if len(text) > _MAX_NODE_LENGTH:
        return Unnamed.HIDDEN
    if address := parse_address(text):
        return address
    match = _WITH_PORT.fullmatch(text)
    host = (match["bracketed"] or match["bare"] or "") if match else ""
    return parse_address(host) or Unnamed.HIDDEN


def _nodes(header: str) -> Iterator[str | None]:
    """Yield the `for` of each element, in the header's order, or None if there is none.

    Raises:
        ValueError: the header is malformed or too long.
    """
    if len(header) > _MAX_FORWARDED_LENGTH:
        raise ValueError("too long")
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
            yield element.get("for")
            element = {}
        position, is_over = match.end(), not match["end"]
