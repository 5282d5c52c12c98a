"""The search for servers: its order, its reasons, and what is made of finding none."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.servers import ports, shared
from tests.servers.found import GIVEN_BY, Place, do_without, first_that_has_it, given, places
from tests.servers.ports import Ports, kafka_answers, postgres_answers, redis_answers
from tests.servers.server import Kind, Unavailable
from tests.servers.shared import Follower, Leader


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Kind, Place]]:
    """A machine without anything; the list fills with what was looked for, and where."""
    asked: list[tuple[Kind, Place]] = []

    def refuse(kind: Kind, place: Place) -> None:
        asked.append((kind, place))
        raise Unavailable("there is none")

    for name in (*GIVEN_BY.values(), "TEST_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(shared, "started", refuse)
    return asked


def test_a_container_is_preferred_to_a_local_program() -> None:
    assert places({}) == (Place.CONTAINERS, Place.LOCAL)
    assert places({"TEST_SERVERS": ""}) == (Place.CONTAINERS, Place.LOCAL)


@pytest.mark.parametrize("only", list(Place))
def test_one_place_can_be_forced(only: Place) -> None:
    assert places({"TEST_SERVERS": only}) == (only,)


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="containers, local, not docker"):
        places({"TEST_SERVERS": "docker"})


@pytest.mark.parametrize(("kind", "name"), GIVEN_BY.items())
def test_a_given_server_comes_first(
    nowhere: list[tuple[Kind, Place]], monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str
) -> None:
    monkeypatch.setenv(name, "somewhere")
    assert Leader().shared(kind).get() == "somewhere"
    assert nowhere == []


def test_an_empty_setting_gives_no_server() -> None:
    assert given(Kind.REDIS, {"TEST_REDIS_URL": ""}) is None
    assert given(Kind.REDIS, {}) is None


def test_the_next_place_is_asked_when_one_refuses() -> None:
    def ask(place: Place) -> str:
        if place is Place.CONTAINERS:
            raise Unavailable("no engine")
        return f"from {place}"

    assert first_that_has_it(Place, ask) == "from local"


def test_every_refusal_is_told() -> None:
    def refuse(place: Place) -> str:
        raise Unavailable(f"not in {place}")

    with pytest.raises(Unavailable) as refusal:
        first_that_has_it(Place, refuse)
    assert str(refusal.value) == "containers: not in containers; local: not in local"


def test_a_search_in_vain_is_not_repeated(nowhere: list[tuple[Kind, Place]]) -> None:
    leader = Leader()
    for _ in range(2):
        with pytest.raises(Unavailable, match="there is none"):
            leader.shared(Kind.KAFKA).get()
    assert nowhere == [(Kind.KAFKA, Place.CONTAINERS), (Kind.KAFKA, Place.LOCAL)]
    assert leader.missing == {
        Kind.KAFKA: "containers: there is none; local: there is none",
    }


def test_a_given_server_is_never_one_to_hurt(
    nowhere: list[tuple[Kind, Place]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", "somewhere")
    monkeypatch.setattr(shared, "way", lambda _: SimpleNamespace(check=lambda _: None))
    assert Leader().place(Kind.REDIS).get() == Place.CONTAINERS
    assert nowhere == []


def test_without_a_server_a_stranger_skips_and_ci_fails() -> None:
    with pytest.raises(pytest.skip.Exception, match="no Redis to test against: no engine"):
        do_without(Kind.REDIS, "no engine", {})
    with pytest.raises(pytest.fail.Exception, match="no Redis to test against: no engine"):
        do_without(Kind.REDIS, "no engine", {"CI": "true"})


def test_workers_ask_the_leader(
    nowhere: list[tuple[Kind, Place]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", "somewhere")
    leader = Leader()
    worker = Follower(*leader.listen())
    try:
        assert worker.shared(Kind.REDIS).get() == "somewhere"
        with pytest.raises(Unavailable, match="there is none"):
            worker.shared(Kind.KAFKA).get()
    finally:
        leader.close()
    assert len(nowhere) == 2


def test_a_port_is_claimed_while_nobody_listens_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where no other harness looks: it would take the port as soon as it is released.
    monkeypatch.setattr(ports, "RANGE", range(12_000, 20_000))
    mine = Ports(1)
    monkeypatch.setattr(ports, "RANGE", range(mine.numbers[0], mine.numbers[0] + 1))
    try:
        with pytest.raises(OSError, match="no free port"):
            Ports(1)
    finally:
        mine.release()
    heir = Ports(1)
    heir.release()
    assert heir.numbers == mine.numbers


@pytest.mark.parametrize("answers", [postgres_answers, redis_answers, kafka_answers])
def test_nobody_answers_where_nobody_listens(
    answers: Callable[[int], bool],
) -> None:
    mine = Ports(1)
    try:
        assert not answers(mine.numbers[0])
    finally:
        mine.release()
