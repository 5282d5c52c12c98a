"""How long a request waits: for what it could do without, and for what it cannot."""

from contextvars import ContextVar
from typing import Final

#: Seconds, in all, that one request waits for the cache, the limiter and the like.
OF_A_REQUEST: Final = 0.1


class Patience:
    """Some seconds, spent by one wait after the other."""

    def __init__(self, seconds: float = OF_A_REQUEST) -> None:
        self._left = seconds

    @property
    def left(self) -> float:
        """Seconds that may still be waited; never negative."""
        return self._left

    def spend(self, seconds: float) -> None:
        """Note a wait."""
        self._left = max(0.0, self._left - seconds)


#: The patience of the request that is being served; None outside of one.
patience: Final[ContextVar[Patience | None]] = ContextVar("patience", default=None)

#: Seconds, in all, that one request waits for the storage before it is answered without.
FOR_STORAGE: Final = 1.7

#: When the request that is being served stops waiting for the storage, on the event loop's clock;
#: None outside of one.
storage_deadline: Final[ContextVar[float | None]] = ContextVar("storage_deadline", default=None)
