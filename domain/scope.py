"""Scopes, which limit what a machine client may do."""

from collections.abc import Iterable
from enum import StrEnum

from domain.errors import Invalid


class Scope(StrEnum):
    """Permission for a kind of request about any user's orders (RFC 6749, section 3.3)."""

    ORDERS_READ = "orders:read"
    ORDERS_STATUS = "orders:status"


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Parse the scopes of a new machine client. It has at least one.

    Raises:
        Invalid: a scope is unknown, or there are none.
    """
    scopes = frozenset(map(_parse_scope, names))
    if not scopes:
        raise Invalid.value("missing", f"Must be given. {_known()}")
    return scopes


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes with these names. Other releases may have more, which are ignored."""
    return frozenset(Scope) & frozenset(names)


def _parse_scope(name: str) -> Scope:
    try:
        return Scope(name)
    except ValueError:
        raise Invalid.value("unknown-scope", f"There is no scope {name!r}. {_known()}") from None


def _known() -> str:
    return f"Known scopes: {', '.join(Scope)}."
