"""Find the client's address behind trusted proxies, and the key for its rate limits.

A trusted proxy writes either `X-Forwarded-For` or `Forwarded`, and passes on the other one just
like the client sent it. If both are present and disagree, both are ignored. Otherwise clients
could choose their own key.
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

#: Providers give each customer at least a /64 (RFC 6177), so a /64 is treated as one client.
_IPV6_PREFIX_BITS: Final = 64
#: Limits the work that a forged header can cause.
_MAX_HOPS: Final = 32


def client_key(
    peer: str, forwarded_for: str | None, forwarded: str | None, trusted: Networks
) -> str:
    """Return the key for the client's rate limits, which is its IPv4 address or its IPv6 /64."""
    address = parse_address(peer)
    if address is None:
        return peer
    if (forwarded_for or forwarded) and is_trusted(address, trusted):
        address = _client(address, forwarded_for, forwarded, trusted)
    return _key(address)


def is_trusted(address: Address | None, trusted: Networks) -> bool:
    """Return whether this is a trusted proxy's address."""
    return address is not None and any(address in network for network in trusted)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a chain of hops. It is not final if every hop is a trusted proxy."""

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
    """Follow the hops from the nearest one to the first one that is not a trusted proxy.

    The client can forge all hops beyond that. A hop with a hidden address is treated as the proxy
    that wrote it. If there is a hop without an address, we can't find the end of the chain.
    """
    last = None
    for hop in islice(hops, _MAX_HOPS):
        if hop is Unnamed.ABSENT:
            return None
        if isinstance(hop, Unnamed):
            return _End(last or peer, is_final=True)
        last = hop
        if not is_trusted(last, trusted):
            return _End(last, is_final=True)
    return _End(last, is_final=False) if last else None


def _key(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_PREFIX_BITS), strict=False))
    return str(address)
