"""How test servers are looked up: the order, failure messages, and skipped tests."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.servers import ports, shared
from tests.servers.lookup import (
    GIVEN_BY,
    Source,
    allowed_sources,
    first_available,
    given_url,
    skip_or_fail,
)
from tests.servers.ports import Ports, kafka_is_ready, postgres_is_ready, redis_is_ready
from tests.servers.server import Kind, Unavailable
from tests.servers.shared import Follower, Leader


@pytest.fixture
def failed_starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Kind, Source]]:
    """Make every server fail to start. Return a list that collects the attempts."""
    tried: list[tuple[Kind, Source]] = []

    def fail(kind: Kind, source: Source) -> None:
        tried.append((kind, source))
        raise Unavailable("there is none")

    for name in (*GIVEN_BY.values(), "TEST_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(shared, "start_server", fail)
    return tried


def test_a_container_is_preferred_to_a_local_program() -> None:
    assert allowed_sources({}) == (Source.CONTAINERS, Source.LOCAL)
    assert allowed_sources({"TEST_SERVERS": ""}) == (Source.CONTAINERS, Source.LOCAL)


@pytest.mark.parametrize("only", list(Source))
def test_the_setting_allows_one_source(only: Source) -> None:
    assert allowed_sources({"TEST_SERVERS": only}) == (only,)


def test_an_unknown_source_is_rejected() -> None:
    with pytest.raises(pytest.UsageError, match="containers, local, not docker"):
        allowed_sources({"TEST_SERVERS": "docker"})


@pytest.mark.parametrize(("kind", "name"), GIVEN_BY.items())
def test_a_given_server_comes_first(
    failed_starts: list[tuple[Kind, Source]], monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str
) -> None:
    monkeypatch.setenv(name, "somewhere")
    assert Leader().shared(kind).get() == "somewhere"
    assert failed_starts == []


def test_an_empty_setting_gives_no_server() -> None:
    assert given_url(Kind.REDIS, {"TEST_REDIS_URL": ""}) is None
    assert given_url(Kind.REDIS, {}) is None


def test_the_next_source_is_tried_when_one_fails() -> None:
    def attempt(source: Source) -> str:
        if source is Source.CONTAINERS:
            raise Unavailable("no engine")
        return f"from {source}"

    assert first_available(Source, attempt) == "from local"


def test_every_failure_is_in_the_message() -> None:
    def fail(source: Source) -> str:
        raise Unavailable(f"not in {source}")

    with pytest.raises(Unavailable) as error:
        first_available(Source, fail)
    assert str(error.value) == "containers: not in containers; local: not in local"


def test_a_failed_lookup_is_not_repeated(failed_starts: list[tuple[Kind, Source]]) -> None:
    leader = Leader()
    for _ in range(2):
        with pytest.raises(Unavailable, match="there is none"):
            leader.shared(Kind.KAFKA).get()
    assert failed_starts == [(Kind.KAFKA, Source.CONTAINERS), (Kind.KAFKA, Source.LOCAL)]
    assert leader.missing == {
        Kind.KAFKA: "containers: there is none; local: there is none",
    }


def test_a_given_server_is_never_used_as_a_private_one(
    failed_starts: list[tuple[Kind, Source]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", "somewhere")
    monkeypatch.setattr(shared, "launcher", lambda _: SimpleNamespace(check=lambda _: None))
    assert Leader().source(Kind.REDIS).get() == Source.CONTAINERS
    assert failed_starts == []


def test_a_missing_server_skips_tests_and_fails_in_ci() -> None:
    with pytest.raises(pytest.skip.Exception, match="no Redis to test against: no engine"):
        skip_or_fail(Kind.REDIS, "no engine", {})
    with pytest.raises(pytest.fail.Exception, match="no Redis to test against: no engine"):
        skip_or_fail(Kind.REDIS, "no engine", {"CI": "true"})


def test_workers_get_the_servers_of_the_leader(
    failed_starts: list[tuple[Kind, Source]], monkeypatch: pytest.MonkeyPatch
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
    assert len(failed_starts) == 2


def test_a_port_stays_reserved_while_nothing_listens_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other test runs don't use this range. They could take the port as soon as it is released.
    monkeypatch.setattr(ports, "RANGE", range(12_000, 20_000))
    reserved = Ports(1)
    monkeypatch.setattr(ports, "RANGE", range(reserved.numbers[0], reserved.numbers[0] + 1))
    try:
        with pytest.raises(OSError, match="no free port"):
            Ports(1)
    finally:
        reserved.release()
    successor = Ports(1)
    successor.release()
    assert successor.numbers == reserved.numbers


@pytest.mark.parametrize("is_ready", [postgres_is_ready, redis_is_ready, kafka_is_ready])
def test_a_probe_fails_if_nothing_listens(
    is_ready: Callable[[int], bool],
) -> None:
    reserved = Ports(1)
    try:
        assert not is_ready(reserved.numbers[0])
    finally:
        reserved.release()
