from collections.abc import Callable
from datetime import timedelta
from uuid import RFC_4122, UUID

import pytest

from adapters.system.clock_and_ids import Uuid7Generator
from application.ports.system import MAX_ID_LEAD_MS, IdGenerator
from tests.support.time import NOW

MAX_LEAD = timedelta(milliseconds=MAX_ID_LEAD_MS)

GENERATORS: dict[str, Callable[[], IdGenerator]] = {"system": Uuid7Generator}


@pytest.fixture(params=GENERATORS)
def ids(request: pytest.FixtureRequest) -> IdGenerator:
    return GENERATORS[request.param]()


def milliseconds(made: UUID) -> int:
    return made.int >> 80


def test_an_id_is_a_uuid_of_version_7(ids: IdGenerator) -> None:
    for _ in range(100):
        made = ids.new(NOW)
        assert (made.version, made.variant) == (7, RFC_4122)


def test_an_id_contains_the_milliseconds_of_its_time(ids: IdGenerator) -> None:
    # 2026-01-02T03:04:05.678Z, according to date(1).
    assert milliseconds(ids.new(NOW)) == 1_767_323_045_678
    assert milliseconds(ids.new(NOW + timedelta(seconds=1))) == 1_767_323_046_678


def test_ids_of_one_millisecond_are_different_and_ascend(ids: IdGenerator) -> None:
    made = [ids.new(NOW) for _ in range(10_000)]
    assert made == sorted(set(made))
    assert {milliseconds(each) for each in made} == {milliseconds(made[0])}


def test_ids_ascend_with_time(ids: IdGenerator) -> None:
    made = [ids.new(NOW + timedelta(microseconds=300 * n)) for n in range(1_000)]
    assert made == sorted(set(made))


def test_ids_ascend_when_the_clock_steps_back(ids: IdGenerator) -> None:
    before = [ids.new(NOW) for _ in range(100)]
    after = [ids.new(NOW - MAX_LEAD) for _ in range(100)]
    made = before + after
    assert made == sorted(set(made))


@pytest.mark.parametrize("step", [timedelta(), timedelta(seconds=1), MAX_LEAD, timedelta(hours=1)])
def test_an_id_is_not_behind_the_clock_and_little_ahead(ids: IdGenerator, step: timedelta) -> None:
    before = ids.new(NOW)
    after = ids.new(NOW - step)
    lead = milliseconds(after) - milliseconds(Uuid7Generator().new(NOW - step))
    assert 0 <= lead <= MAX_ID_LEAD_MS
    assert after != before


def test_ids_follow_the_clock_when_it_has_caught_up(ids: IdGenerator) -> None:
    ids.new(NOW)
    ids.new(NOW - MAX_LEAD)
    later = NOW + timedelta(milliseconds=1)
    assert milliseconds(ids.new(later)) == milliseconds(Uuid7Generator().new(later))


def test_two_generators_make_different_ids(ids: IdGenerator) -> None:
    other = Uuid7Generator()
    ours = {ids.new(NOW) for _ in range(1_000)}
    assert not ours & {other.new(NOW) for _ in range(1_000)}


def test_a_full_millisecond_overflows_into_the_next() -> None:
    ids = Uuid7Generator()
    last = ids.new(NOW)
    ids._last |= (1 << 74) - 1
    made = ids.new(NOW)
    assert made > last
    assert milliseconds(made) == milliseconds(last) + 1
    assert made.version == 7
