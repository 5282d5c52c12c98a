"""Find the first seed of the simulation, or point of the crash walk, that breaks a promise.

`python -m tools.mutants.hunt SUITE SEED…` prints one line of JSON: where it was found and the
failure, or `null`. With one seed, all others are tried after it.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from tests.faults.crash_walk import Storage, WalkFailed, walk
from tests.faults.walked_storages import InMemory, OnPostgres
from tests.simulation.simulate import simulate
from tests.support.deadlines import generous_deadlines
from tools.mutants.finds import Find

#: How many seeds are tried. A guard whose loss is not noticed within these is not caught.
SEEDS: Final = 400


def _simulate(named: Sequence[int]) -> Find | None:
    others = range(1, SEEDS + 1) if len(named) == 1 else ()
    for seed in dict.fromkeys((*named, *others)):
        if failures := simulate(seed).failures:
            return Find(seed, failures[0])
    return None


def _walk_in_memory(named: Sequence[int]) -> Find | None:
    with generous_deadlines():
        return asyncio.run(_walk(InMemory(), named))


def _walk_on_postgresql(named: Sequence[int]) -> Find | None:
    return OnPostgres.use(lambda storage: _walk(storage, named))


async def _walk(storage: Storage, named: Sequence[int]) -> Find | None:
    for points in (named, None) if len(named) == 1 else (named,):
        try:
            await walk(storage, points=points)
        except WalkFailed as error:
            return Find(error.at, str(error.__cause__))
    return None


HUNTS: Final[Mapping[str, Callable[[Sequence[int]], Find | None]]] = {
    "simulation": _simulate,
    "walk": _walk_in_memory,
    "walk_on_postgresql": _walk_on_postgresql,
}


def main(suite: str, *named: str) -> None:
    """Print where this suite breaks a promise."""
    logging.disable()
    find = HUNTS[suite]([int(seed) for seed in named])
    sys.stdout.write(f"{json.dumps(find and asdict(find))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
