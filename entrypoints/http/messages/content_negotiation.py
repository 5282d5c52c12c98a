"""Content negotiation (RFC 9110, section 12)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

#: A member of `Accept` or `Accept-Encoding` with its parameters.
_MEMBER: Final = re.compile(r"[ \t]*(?P<name>[^;, \t]+)(?P<parameters>[^,]*)")
_WEIGHT: Final = re.compile(r";[ \t]*[qQ]=(?P<q>[01](?:\.[0-9]{0,3})?)[ \t]*(?:;|$)")


def preferred_type(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type with the highest weight, or the first one of several.

    If none of them are acceptable, return the first (RFC 9110, section 12.5.1).
    """
    weights = dict(_members(accept or "*/*"))
    return max(offered, key=lambda offer: _weight(offer, weights))


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client accepts gzip (RFC 9110, section 12.5.3)."""
    weights = dict(_members(accept_encoding or ""))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(media_type: str, weights: dict[str, float]) -> float:
    """Return the weight of the most specific matching range (RFC 9110, section 12.5.1)."""
    kind = media_type.partition("/")[0]
    ranges = (media_type, f"{kind}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def _members(header: str) -> Iterator[tuple[str, float]]:
    for member in _MEMBER.finditer(header):
        weight = _WEIGHT.search(member["parameters"])
        yield member["name"].lower(), float(weight["q"]) if weight else 1.0
