"""Scopes, which limit what a machine client may do."""

from enum import StrEnum


class Scope(StrEnum):
    """Permission for a kind of request about any user's orders (RFC 6749, section 3.3)."""

    ORDERS_READ = "orders:read"
    ORDERS_STATUS = "orders:status"
