"""A cache of verified tokens."""

from collections import OrderedDict
from uuid import UUID

from application.ports.accounts import AccessClaims


class TokenMemory:
    """An LRU cache of the claims of at most `capacity` verified tokens.

    Its keys are whole tokens with their signatures, so an altered token is not found. The caller
    checks the expiry. Not thread-safe.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._claims: OrderedDict[str, AccessClaims] = OrderedDict()
        self._texts: dict[UUID, str] = {}

    def get(self, text: str) -> AccessClaims | None:
        """Return the claims of a token, or None if it is not cached."""
        claims = self._claims.get(text)
        if claims is not None:
            self._claims.move_to_end(text)
        return claims

    def put(self, text: str, claims: AccessClaims) -> None:
        """Cache a verified token."""
        self.forget(claims.token_id)
        self._claims[text] = claims
        self._texts[claims.token_id] = text
        if len(self._claims) > self._capacity:
            _, oldest = self._claims.popitem(last=False)
            del self._texts[oldest.token_id]

    def forget(self, token_id: UUID) -> None:
        """Remove a token if it is cached."""
        text = self._texts.pop(token_id, None)
        if text is not None:
            del self._claims[text]

    def clear(self) -> None:
        """Remove all tokens."""
        self._claims.clear()
        self._texts.clear()
