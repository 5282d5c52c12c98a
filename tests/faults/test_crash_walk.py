"""A kill before or after any call of a port doesn't lose, double or block anything.

`make test` kills at each point in memory, and at a part of them on PostgreSQL. `make prove` kills
at each point on both.
"""

from typing import Final

import pytest

from tests.faults.crash_walk import walk
from tests.faults.walked_life import LIFE
from tests.faults.walked_storages import InMemory, OnPostgres
from tests.servers.plugin import Shared
from tests.support.postgres import new_database

#: A prime number, so that the sample has calls of all kinds, and points before and after them.
_EVERY: Final = 7

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


async def test_the_process_is_killed_at_each_point_in_memory() -> None:
    report = await walk(InMemory())
    assert report.kills == report.points.total() > 0
    assert set(report.points) == {name for name, _ in LIFE}
    assert all(report.points.values())


async def test_the_process_is_killed_at_a_sample_of_points_on_postgresql(
    postgres_server: Shared, migrated: str
) -> None:
    async with new_database(postgres_server, migrated) as database:
        report = await walk(OnPostgres(database), every=_EVERY)
    assert report.kills >= len(LIFE)
