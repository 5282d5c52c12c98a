"""The tokens that were verified lately, so that verifying one again is only finding it."""

from collections import OrderedDict
from uuid import UUID

from application.ports.accounts import AccessClaims


class TokenMemory:
    """What the last `capacity` tokens say; the one that was not used for longest goes first.

    Its keys are whole tokens, signature included: a token that was altered is not found. Whether
    one has expired is the caller's to check. Belongs to one event loop.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._claims: OrderedDict[str, AccessClaims] = OrderedDict()
        self._texts: dict[UUID, str] = {}

    def get(self, text: str) -> AccessClaims | None:
        """What the token says, or None where it is not remembered."""
        claims = self._claims.get(text)
        if claims is not None:
            self._claims.move_to_end(text)
        return claims

    def put(self, text: str, claims: AccessClaims) -> None:
        """Remember a token that was verified."""
        self.forget(claims.token_id)
        self._claims[text] = claims
        self._texts[claims.token_id] = text
        if len(self._claims) > self._capacity:
            _, oldest = self._claims.popitem(last=False)
            del self._texts[oldest.token_id]

    def forget(self, token_id: UUID) -> None:
        """Forget one token, if it is remembered."""
        text = self._texts.pop(token_id, None)
        if text is not None:
            del self._claims[text]

    def clear(self) -> None:
        """Forget them all."""
        self._claims.clear()
        self._texts.clear()
