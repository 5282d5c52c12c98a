"""What an operator asks of a service that runs, each by a command beside it."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.e2e.service import NO_LIMITS, Service, eventually, running_service

CLEAN = (
    "orders={0} published={0} processed={0} pending=0 unpublished=0 lost=0 duplicated=0 stuck=0\n"
)


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Service, str]]:
    """A service with one order, which was processed."""
    with running_service(**NO_LIMITS, PROCESSING_DELAY="0") as service:
        yield service, service.register().processed_order()["id"]


def test_the_audit_of_a_healthy_service_is_one_line_and_exits_with_0(
    shop: tuple[Service, str],
) -> None:
    service, _ = shop
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))
    audited = service.run("audit", "--json")
    assert audited.returncode == 0
    counts = json.loads(audited.stdout)
    assert (counts["orders"], counts["lost"], counts["stuck_ids"]) == (1, 0, [])


def test_an_orders_events_are_published_again(shop: tuple[Service, str]) -> None:
    service, order_id = shop
    clean = "unpublished=0 oldest=0s parked=0 replays=0 last_error=-\n"
    eventually(lambda: service.run("outbox", "status").stdout == clean)
    replayed = service.run("outbox", "replay", order_id)
    assert (replayed.returncode, replayed.stdout) == (0, "Waiting to be published again: 2.\n")
    eventually(lambda: service.run("outbox", "status").stdout == clean)
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))


def test_everything_since_a_moment_is_published_again(shop: tuple[Service, str]) -> None:
    service, _ = shop
    replayed = service.run("outbox", "replay", "--all-since", "2026-01-01T00:00:00Z")
    assert (replayed.returncode, replayed.stdout) == (0, "Waiting to be published again: 2.\n")
    eventually(lambda: " replays=0 " in service.run("outbox", "status").stdout)
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))


def test_without_a_parked_event_none_is_put_back(shop: tuple[Service, str]) -> None:
    service, _ = shop
    replayed = service.run("outbox", "replay", "--parked")
    assert (replayed.returncode, replayed.stdout) == (0, "No event can be published again.\n")


def test_a_replay_of_two_kinds_at_once_is_refused(shop: tuple[Service, str]) -> None:
    service, order_id = shop
    refused = service.run("outbox", "replay", order_id, "--parked")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("orders: Give ")


def test_without_a_dead_letter_there_is_nothing_to_list_or_put_back(
    shop: tuple[Service, str],
) -> None:
    service, _ = shop
    assert service.run("dlq", "list").stdout == "No dead letter waits.\n"
    assert service.run("dlq", "replay", "--all").stdout == "Put back: 0.\n"
    missed = service.run("dlq", "replay", str(uuid4()))
    assert missed.returncode == 1
    assert "is no dead letter that waits" in missed.stdout


@pytest.mark.parametrize("command", ["outbox", "dlq"])
def test_a_replay_of_nothing_in_particular_is_refused_in_one_sentence(
    shop: tuple[Service, str], command: str
) -> None:
    refused = shop[0].run(command, "replay")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("orders: Give ")
    assert "Traceback" not in refused.stderr
