"""Where a request comes from, believing nobody but the proxies that we know."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]


def client_address(peer: str, forwarded_for: str | None, trusted: Networks) -> str:
    """The address of whoever asks: the peer's, or what a trusted proxy says of it.

    `X-Forwarded-For` is read from its end, where our own proxies wrote: the first address that is
    no trusted proxy's is the client's. What stands before it, anybody may have made up.
    """
    address = _parse(peer)
    if address is None or not forwarded_for or not _is_trusted(address, trusted):
        return str(address or peer)
    for hop in reversed(forwarded_for.split(",")):
        earlier = _parse(hop.strip())
        if earlier is None:
            break
        address = earlier
        if not _is_trusted(address, trusted):
            break
    return str(address)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(address: Address, trusted: Networks) -> bool:
    return any(address in network for network in trusted)
