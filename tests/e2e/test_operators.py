"""Operator commands while the service is running."""

import json
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.e2e.service import NO_LIMITS, PASSWORD, Service, User, eventually, running_service

CLEAN = (
    "orders={0} published={0} processed={0} pending=0 unpublished=0 lost=0 duplicated=0 stuck=0\n"
)


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Service, str]]:
    """A service with one processed order."""
    with running_service(**NO_LIMITS, PROCESSING_DELAY="0") as service:
        yield service, service.register().processed_order()["id"]


def test_the_audit_of_a_healthy_service_exits_with_0(
    shop: tuple[Service, str],
) -> None:
    service, _ = shop
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))
    audited = service.run("audit", "--json")
    assert audited.returncode == 0
    counts = json.loads(audited.stdout)
    assert (counts["orders"], counts["lost"], counts["stuck_ids"]) == (1, 0, [])


def test_without_kafka_there_is_no_broker_to_compare_with(shop: tuple[Service, str]) -> None:
    refused = shop[0].run("audit", "--broker")
    assert (refused.returncode, refused.stdout) == (78, "")
    assert refused.stderr == (
        "orders: There is no broker to compare with: set KAFKA_BOOTSTRAP_SERVERS, or run the audit"
        " without --broker.\n"
    )


def test_an_orders_events_are_published_again(shop: tuple[Service, str]) -> None:
    service, order_id = shop
    clean = "unpublished=0 oldest=0s parked=0 replays=0 last_error=-\n"
    eventually(lambda: service.run("outbox", "status").stdout == clean)
    replayed = service.run("outbox", "replay", order_id)
    assert (replayed.returncode, replayed.stdout) == (0, "Waiting to be published again: 2.\n")
    eventually(lambda: service.run("outbox", "status").stdout == clean)
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))


def test_a_replay_since_a_time_republishes_all_events(shop: tuple[Service, str]) -> None:
    service, _ = shop
    replayed = service.run("outbox", "replay", "--all-since", "2026-01-01T00:00:00Z")
    assert (replayed.returncode, replayed.stdout) == (0, "Waiting to be published again: 2.\n")
    eventually(lambda: " replays=0 " in service.run("outbox", "status").stdout)
    eventually(lambda: service.run("audit").stdout == CLEAN.format(1))


def test_a_replay_without_parked_events_requests_none(shop: tuple[Service, str]) -> None:
    service, _ = shop
    replayed = service.run("outbox", "replay", "--parked")
    assert (replayed.returncode, replayed.stdout) == (0, "No event can be published again.\n")


def test_a_replay_with_two_selections_is_rejected(shop: tuple[Service, str]) -> None:
    service, order_id = shop
    refused = service.run("outbox", "replay", order_id, "--parked")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("orders: Give ")


def test_without_dead_letters_list_and_replay_are_empty(
    shop: tuple[Service, str],
) -> None:
    service, _ = shop
    assert service.run("dlq", "list").stdout == "There are no dead letters.\n"
    assert service.run("dlq", "replay", "--all").stdout == "Put back: 0.\n"
    missed = service.run("dlq", "replay", str(uuid4()))
    assert missed.returncode == 1
    assert "is not a waiting dead letter" in missed.stdout


@pytest.mark.parametrize("command", ["outbox", "dlq"])
def test_a_replay_without_a_selection_is_rejected(shop: tuple[Service, str], command: str) -> None:
    refused = shop[0].run(command, "replay")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("orders: Give ")
    assert "Traceback" not in refused.stderr


# --- Accounts


def test_an_operator_lists_disables_enables_and_sets_a_password(shop: tuple[Service, str]) -> None:
    service, _ = shop
    ada = service.register()
    listed = service.run("users", "list").stdout
    assert re.search(rf"^{ada.id} \S+ user enabled {ada.email}$", listed, re.MULTILINE)
    assert service.run("users", "disable", ada.email).stdout == f"{ada.email} is disabled.\n"
    eventually(lambda: ada.get("/me/").status_code == 401)
    assert f" disabled {ada.email}" in service.run("users", "list").stdout
    assert service.run("users", "enable", ada.email).stdout == f"{ada.email} is enabled.\n"
    eventually(lambda: ada.get("/me/").status_code == 200)
    command = ("users", "set-password", ada.email, "--password-stdin")
    changed = service.run(*command, stdin="another correct horse\n")
    assert changed.stdout.startswith(f"{ada.email} has a new password.")
    statuses = [
        service.http.post("/token/", data={"username": ada.email, "password": each}).status_code
        for each in (PASSWORD, "another correct horse")
    ]
    assert statuses == [401, 200]


def test_a_limited_list_reports_that_there_are_more(shop: tuple[Service, str]) -> None:
    service, _ = shop
    service.register()
    lines = service.run("users", "list", "--limit", "1").stdout.splitlines()
    assert lines[1:] == ["There are more than these 1: use a greater --limit."]


def test_an_operator_creates_lists_and_revokes_a_client(shop: tuple[Service, str]) -> None:
    service, order_id = shop
    scopes = ("--scope", "orders:status", "--scope", "orders:read")
    created = service.run("clients", "create", "payments", *scopes).stdout
    lines = created.splitlines()
    assert lines[0] == "payments may use orders:read,orders:status."
    client_id = lines[1].removeprefix("client_id=")
    secret = lines[2].removeprefix("client_secret=")
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = service.http.post("/token/", data=form).json()["access_token"]
    client = User(service, client_id, "", token)
    assert client.patch({"id": order_id}, "PAID").status_code == 200
    assert client.history({"id": order_id})[-1]["actor"] == {"kind": "service", "id": client_id}

    listed = service.run("clients", "list").stdout
    line = rf"^{client_id} \S+ live orders:read,orders:status payments$"
    assert re.search(line, listed, re.MULTILINE)
    taken = service.run("clients", "create", "payments", *scopes)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert "There is already a machine client with this name." in taken.stderr

    revoked = service.run("clients", "revoke", "payments")
    assert revoked.stdout == f"payments is revoked, id {client_id}.\n"
    eventually(lambda: client.get("/orders/").status_code == 401)
    assert service.http.post("/token/", data=form).status_code == 401
    assert " revoked orders:read,orders:status payments\n" in service.run("clients", "list").stdout
    again = service.run("clients", "create", "payments", *scopes, "--json")
    assert json.loads(again.stdout)["client_id"] != client_id
    assert secret not in service.log


def test_an_unknown_client_is_reported_in_one_sentence(shop: tuple[Service, str]) -> None:
    done = shop[0].run("clients", "revoke", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "orders: There is no machine client with this id or name.\n"


@pytest.mark.parametrize("command", ["enable", "set-password"])
def test_an_unknown_account_is_reported_in_one_sentence(
    shop: tuple[Service, str], command: str
) -> None:
    stdin = ("--password-stdin",) if command == "set-password" else ()
    done = shop[0].run("users", command, "nobody@example.com", *stdin, stdin=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("orders: ")
    assert "Traceback" not in done.stderr
