"""A cache for verified tokens."""

from collections import OrderedDict

from application.ports.accounts import AccessClaims


class TokenMemory:
    """An LRU cache for the claims of up to `capacity` verified tokens.

    Because the whole token including its signature is the key, modified tokens are never found.
    Callers have to check if a token has expired. Not thread-safe.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._claims: OrderedDict[str, AccessClaims] = OrderedDict()

    def get(self, text: str) -> AccessClaims | None:
        """Return a token's claims, or None if it is not cached."""
        claims = self._claims.get(text)
        if claims is not None:
            self._claims.move_to_end(text)
        return claims

    def put(self, text: str, claims: AccessClaims) -> None:
        """Cache a verified token."""
        self._claims[text] = claims
        if len(self._claims) > self._capacity:
            self._claims.popitem(last=False)
