"""The client's address behind trusted proxies, and the key that it is rate-limited by.

A trusted proxy writes `X-Forwarded-For` or `Forwarded`, and passes the other one on as the client
sent it. So if both are there and disagree, neither is believed: a client must not choose its key.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import islice
from typing import Final

from entrypoints.http.proxies.forwarded import (
    Address,
    Hop,
    Unnamed,
    hops_of_forwarded,
    hops_of_x_forwarded_for,
    parse_address,
)

Networks = Sequence[IPv4Network | IPv6Network]

#: Bits: a provider gives each customer a /64 at least (RFC 6177), all of which is one client.
_IPV6_CLIENT_PREFIX: Final = 64
#: Proxies in a row. A client that forges more does not occupy the process with them.
_MAX_HOPS: Final = 32


def client_key(
    peer: str, forwarded_for: str | None, forwarded: str | None, trusted: Networks
) -> str:
    """Return the key of the client's limits: its IPv4 address, or the /64 of its IPv6 address."""
    address = parse_address(peer)
    if address is None:
        return peer
    if (forwarded_for or forwarded) and is_trusted(address, trusted):
        address = _client(address, forwarded_for, forwarded, trusted)
    return _key(address)


def is_trusted(address: Address | None, trusted: Networks) -> bool:
    """Return whether this is the address of a trusted proxy."""
    return address is not None and any(address in network for network in trusted)


@dataclass(frozen=True, slots=True)
class _End:
    """The last hop that could be followed. `is_final`: no trusted proxy would have gone on."""

    address: Address
    is_final: bool


def _client(
    peer: Address, forwarded_for: str | None, forwarded: str | None, trusted: Networks
) -> Address:
    chains = (
        hops_of_x_forwarded_for(forwarded_for or ""),
        hops_of_forwarded(forwarded or ""),
    )
    ends = [end for hops in chains if (end := _end(peer, hops, trusted))]
    clients = {end.address for end in ends if end.is_final} or {end.address for end in ends}
    return clients.pop() if len(clients) == 1 else peer


def _end(peer: Address, hops: Iterator[Hop], trusted: Networks) -> _End | None:
    """Follow the hops from the nearest, which our own proxies wrote, to one that is not trusted.

    A client can write anything beyond that. A hop that hides its address stands for the proxy that
    it came through; one without any says nothing.
    """
    last = None
    for hop in islice(hops, _MAX_HOPS):
        if hop is Unnamed.SILENT:
            return None
        if isinstance(hop, Unnamed):
            return _End(last or peer, is_final=True)
        last = hop
        if not is_trusted(last, trusted):
            return _End(last, is_final=True)
    return _End(last, is_final=False) if last else None


def _key(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_CLIENT_PREFIX), strict=False))
    return str(address)
