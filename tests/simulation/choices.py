"""All choices of a run: which task is next, which call is slow, which process dies.

A choice is a number, and 0 is always the harmless one. Each kind of choice has a stream of its own,
so that a shrunk stream doesn't shift the others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, TypeAlias
from uuid import UUID

#: The choices of a run, by kind. Trailing zeros are left out.
Schedule: TypeAlias = Mapping[str, Sequence[int]]

_VERSION_7: Final = (0x7 << 76) | (0b10 << 62)


class Choices:
    """Draws choices from a seed, or replays those of an earlier run, and records them."""

    def __init__(self, seed: int, replayed: Schedule | None = None) -> None:
        self.seed = seed
        self._replayed = replayed
        self._streams: dict[str, Random] = {}
        self._made: defaultdict[str, list[int]] = defaultdict(list)
        self._ids = Random(f"{seed}:ids")

    @property
    def schedule(self) -> Schedule:
        """All choices so far."""
        return {kind: _without_trailing_zeros(made) for kind, made in self._made.items()}

    def draw(self, kind: str, bound: int) -> int:
        """Return a number from 0 to `bound` - 1."""
        made = self._made[kind]
        if self._replayed is not None:
            stream = self._replayed.get(kind, ())
            choice = min(stream[len(made)], bound - 1) if len(made) < len(stream) else 0
        else:
            choice = int(self._stream(kind).random() * bound)
        made.append(choice)
        return choice

    def happens(self, kind: str, one_in: int) -> bool:
        """Return True with a probability of 1 / `one_in`."""
        if self._replayed is None:
            chosen = self._stream(kind).random() * one_in < 1
            self._made[kind].append(int(chosen))
            return chosen
        return bool(self.draw(kind, 2))

    def new_id(self, milliseconds: int) -> UUID:
        """Return a version 7 UUID, which is the same in each run with this seed."""
        random = self._ids.getrandbits(74)
        high, low = random >> 62, random & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | _VERSION_7 | high << 64 | low)

    def _stream(self, kind: str) -> Random:
        stream = self._streams.get(kind)
        if stream is None:
            stream = self._streams[kind] = Random(f"{self.seed}:{kind}")
        return stream


def _without_trailing_zeros(choices: Sequence[int]) -> Sequence[int]:
    end = len(choices)
    while end and not choices[end - 1]:
        end -= 1
    return choices[:end]
