"""Conditional requests (RFC 9110, section 13). Tags are like `"v3"`, or `"v3p"` if processed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from application.documents import OrderDocument
from domain.errors import Invalid, VersionConflict
from entrypoints.http.errors import HeaderError

#: A member of a list of entity tags (RFC 9110, section 8.8.3), including any empty members around
#: it (section 5.6.1.2).
_TAG: Final = re.compile(
    r'[\s,]*(?P<weak>W/)?(?P<opaque>"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,[\s,]*|$)'
)
_VERSION: Final = re.compile(r'"v(?P<version>[1-9][0-9]{0,8})p?"')
_WEAK: Final = (
    'The tag is weak (W/"..."), and If-Match never matches weak tags (RFC 9110, section 13.1.1).'
    ' Proxies make tags weak when they compress responses. Send "v{version}" without the W/.'
)


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The versions in the strong tags and in the weak tags of `If-Match`.

    `versions` is None if every version matches.
    """

    versions: frozenset[int] | None = None
    weak_versions: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, header: str | None) -> "IfMatch":
        """Parse the header.

        Raises:
            Invalid: it is not a list of entity tags.
        """
        if header is None or header.strip() == "*":
            return cls()
        tags = _tags(header)
        return cls(
            _versions(tag for tag in tags if not tag["weak"]),
            _versions(tag for tag in tags if tag["weak"]),
        )

    def explain(self, conflict: VersionConflict) -> VersionConflict:
        """Return the conflict, with an explanation if a weak tag has the current version."""
        if conflict.version not in self.weak_versions:
            return conflict
        return VersionConflict(conflict.version, _WEAK.format(version=conflict.version))


def _versions(tags: Iterable[re.Match[str]]) -> frozenset[int]:
    matches = (_VERSION.fullmatch(tag["opaque"]) for tag in tags)
    return frozenset(int(match["version"]) for match in matches if match)


def etag_of(document: OrderDocument) -> str:
    """Return the order's entity tag. Processing an order changes its tag but not its version."""
    return f'"v{document.version}{"p" if document.is_processed else ""}"'


def is_current(if_none_match: str | None, etag: str) -> bool:
    """Return whether the client's copy is current, because `If-None-Match` has its tag."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    try:
        return any(tag["opaque"] == etag for tag in _tags(if_none_match))
    except Invalid:
        return False  # sending a broken validator only costs the client a full response


def _tags(header: str) -> list[re.Match[str]]:
    tags: list[re.Match[str]] = []
    position = 0
    while position < len(header) or not tags:
        match = _TAG.match(header, position)
        if match is None:
            raise Invalid(
                [HeaderError(("If-Match",), "bad-etag", 'Must be a list of tags like "v1", or *.')]
            )
        tags.append(match)
        position = match.end()
    return tags
