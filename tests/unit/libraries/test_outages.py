from logging import WARNING

import pytest

from application.errors import BrokerUnavailable, ConcurrentUpdate, QueueUnavailable, Unavailable
from libraries.outages import OutageLog


def fail(outages: OutageLog, error: Exception, server: str = Unavailable.server) -> None:
    with pytest.raises(type(error)), outages.noticing(server):
        raise error


def succeed(outages: OutageLog, server: str = Unavailable.server) -> None:
    with outages.noticing(server):
        pass


def test_an_outage_is_one_warning_when_it_begins_and_one_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outages = OutageLog()
    for _ in range(2):
        succeed(outages)
        fail(outages, Unavailable("It is being restarted."))
        fail(outages, Unavailable("It is still away."))
        succeed(outages)
        succeed(outages)
    assert (
        caplog.messages
        == [
            f"{Unavailable.server} is unreachable: It is being restarted.",
            f"{Unavailable.server} is reachable again",
        ]
        * 2
    )
    assert {record.levelno for record in caplog.records} == {WARNING}
    assert not any(record.exc_info for record in caplog.records)


def test_each_server_has_its_outages(caplog: pytest.LogCaptureFixture) -> None:
    outages = OutageLog()
    fail(outages, QueueUnavailable("full"), QueueUnavailable.server)
    fail(outages, BrokerUnavailable())
    succeed(outages)
    outages.end(BrokerUnavailable.server)
    succeed(outages, QueueUnavailable.server)
    assert caplog.messages == [
        f"{QueueUnavailable.server} is unreachable: full",
        f"{BrokerUnavailable.server} is unreachable: BrokerUnavailable",
        f"{BrokerUnavailable.server} is reachable again",
        f"{QueueUnavailable.server} is reachable again",
    ]


def test_a_success_that_began_before_the_last_failure_does_not_end_the_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outages = OutageLog()
    with outages.noticing(Unavailable.server):
        fail(outages, Unavailable("away"))
    assert caplog.messages == [f"{Unavailable.server} is unreachable: away"]


def test_an_error_other_than_unavailable_is_not_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    fail(OutageLog(), ValueError("a bug"))
    assert caplog.messages == []


def test_a_lost_race_is_not_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    fail(OutageLog(), ConcurrentUpdate())
    assert caplog.messages == []


def test_reason_is_the_first_line_of_the_cause(caplog: pytest.LogCaptureFixture) -> None:
    error = Unavailable("nothing was changed")
    error.__cause__ = OSError("No space left on device\nDETAIL:  a row")
    OutageLog().note(error)
    assert caplog.messages == ["the database is unreachable: No space left on device"]
    error.__cause__ = TimeoutError()
    OutageLog().note(error)
    assert caplog.messages[1:] == ["the database is unreachable: TimeoutError"]
