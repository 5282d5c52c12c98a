"""Conditional requests (RFC 9110, section 13) on an order's tag: `"v3"`, or `"v3p"` processed."""

import re
from typing import Final

from domain.errors import Invalid
from entrypoints.http.errors import HeaderFault

#: One member of a list of entity tags (RFC 9110, section 8.8.3), and the empty ones around it
#: (section 5.6.1.2).
_TAG: Final = re.compile(
    r'[\s,]*(?P<weak>W/)?(?P<opaque>"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,[\s,]*|$)'
)
_VERSION: Final = re.compile(r'"v(?P<version>[1-9][0-9]{0,8})p?"')


def accepted_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that `If-Match` names; None where any will do. A weak tag never matches.

    Raises:
        Invalid: the header is no list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    strong = [tag["opaque"] for tag in _tags(if_match) if not tag["weak"]]
    matches = [_VERSION.fullmatch(opaque) for opaque in strong]
    return frozenset(int(match["version"]) for match in matches if match)


def is_current(if_none_match: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the tag: what the client has is still good."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    try:
        return any(tag["opaque"] == etag for tag in _tags(if_none_match))
    except Invalid:
        return False  # a cache's broken validator costs it an answer in full, no more


def _tags(header: str) -> list[re.Match[str]]:
    tags: list[re.Match[str]] = []
    position = 0
    while position < len(header) or not tags:
        match = _TAG.match(header, position)
        if match is None:
            raise Invalid(
                [HeaderFault(("If-Match",), "bad-etag", 'Must be a list of tags like "v1", or *.')]
            )
        tags.append(match)
        position = match.end()
    return tags
