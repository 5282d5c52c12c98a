from datetime import datetime

from application.retention import BATCH, LETTERS_KEPT, PAYLOADS_KEPT, Retention, Swept
from tests.support.time import NOW, MovableClock


class Shelves:
    """`Archive` of so many letters and payloads, all of them old; `asked` is what was asked for."""

    def __init__(self, letters: int, payloads: int) -> None:
        self._letters = letters
        self._payloads = payloads
        self.asked: list[tuple[str, datetime]] = []

    async def sweep_letters(self, before: datetime, limit: int) -> int:
        self.asked.append(("letters", before))
        gone = min(limit, self._letters)
        self._letters -= gone
        return gone

    async def sweep_payloads(self, before: datetime, limit: int) -> int:
        self.asked.append(("payloads", before))
        gone = min(limit, self._payloads)
        self._payloads -= gone
        return gone


async def test_all_that_is_old_goes_in_small_transactions() -> None:
    shelves = Shelves(BATCH + 1, 2 * BATCH)
    assert await Retention(shelves, MovableClock(NOW))() == Swept(BATCH + 1, 2 * BATCH)
    assert [what for what, _ in shelves.asked] == ["letters"] * 3 + ["payloads"] * 3


async def test_what_is_young_stays() -> None:
    shelves = Shelves(0, 0)
    assert await Retention(shelves, MovableClock(NOW))() == Swept(0, 0)
    assert shelves.asked == [("letters", NOW - LETTERS_KEPT), ("payloads", NOW - PAYLOADS_KEPT)]
