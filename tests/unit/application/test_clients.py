"""Use cases for machine clients."""

from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

import pytest

from application.clients.issue_client_token import ClientCredentials, IssueClientToken
from application.errors import (
    InvalidClient,
    InvalidScope,
    NoSuchClient,
    NotAuthenticated,
    RateLimited,
    Unavailable,
)
from application.ports.authentication_log import AuthenticationEvent, AuthenticationEventKind
from application.ports.clients import ClientLogin
from domain.actor import Actor, ActorKind
from domain.client import MachineClient
from domain.errors import ClientNameTaken
from domain.ids import ClientId
from domain.scope import Scope
from tests.support.clients import HOME, ClientHarness
from tests.support.orders import IDS
from tests.support.time import NOW


@pytest.fixture
def harness() -> ClientHarness:
    return ClientHarness()


async def test_a_new_client_is_stored_without_its_secret(harness: ClientHarness) -> None:
    created = await harness.created("payments", [Scope.ORDERS_STATUS])
    assert created.client == MachineClient(
        id=created.client.id,
        name="payments",
        scopes=frozenset({Scope.ORDERS_STATUS}),
        created_at=NOW,
    )
    login = await harness.stored.clients.login(created.client.id)
    assert login == ClientLogin(created.client, harness.secrets.hash(created.secret))
    assert created.secret not in f"{created!r} {login!r}"


async def test_every_client_has_its_own_secret(harness: ClientHarness) -> None:
    created = [await harness.created(f"client{n}") for n in range(5)]
    assert len({each.secret for each in created}) == 5


async def test_a_name_is_only_taken_by_a_live_client(harness: ClientHarness) -> None:
    await harness.created()
    with pytest.raises(ClientNameTaken):
        await harness.created()
    await harness.revoke("payments")
    await harness.created()


async def test_clients_are_listed_page_by_page(harness: ClientHarness) -> None:
    clients = [(await harness.created(f"client{n}")).client for n in range(3)]
    clients.sort(key=lambda each: each.id)
    assert await harness.list(2) == clients[:2]
    assert await harness.list(2, clients[1].id) == clients[2:]


@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_client_is_revoked_by_its_id_or_its_name(harness: ClientHarness, by: str) -> None:
    created = await harness.created()
    revoked = await harness.revoke(str(getattr(created.client, by)))
    assert revoked == replace(created.client, revoked_at=NOW)
    with pytest.raises(InvalidClient):
        await harness.attempt(created.client.id, created.secret)


@pytest.mark.parametrize("text", ["payments", str(uuid4())], ids=["name", "id"])
async def test_an_unknown_client_is_not_revoked(harness: ClientHarness, text: str) -> None:
    with pytest.raises(NoSuchClient):
        await harness.revoke(text)


# --- Tokens


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (None, set(Scope)),
        ({"orders:read"}, {Scope.ORDERS_READ}),
        ({"orders:read", "orders:status"}, set(Scope)),
    ],
)
async def test_a_token_has_the_requested_scopes(
    harness: ClientHarness, requested: set[str] | None, granted: set[Scope]
) -> None:
    created = await harness.created()
    token = await harness.attempt(created.client.id, created.secret, requested)
    assert token.scopes == granted
    caller = await harness.authenticate(token.access.text)
    assert caller.actor == Actor(ActorKind.SERVICE, created.client.id)
    assert (caller.account, caller.session_id) == (None, None)
    assert caller.scopes == frozenset(granted)


@pytest.mark.parametrize("requested", [set(), {"orders:status"}, {"orders:read", "orders:refund"}])
async def test_a_scope_that_the_client_does_not_have_is_refused(
    harness: ClientHarness, requested: set[str]
) -> None:
    created = await harness.created(scopes=[Scope.ORDERS_READ])
    with pytest.raises(InvalidScope, match=r"^The client has these scopes: orders:read\.$"):
        await harness.attempt(created.client.id, created.secret, requested)


async def test_the_scopes_are_only_checked_with_the_right_secret(harness: ClientHarness) -> None:
    created = await harness.created(scopes=[Scope.ORDERS_READ])
    with pytest.raises(InvalidClient):
        await harness.attempt(created.client.id, "wrong", {"orders:status"})


async def test_wrong_unknown_and_revoked_cost_the_same_work(harness: ClientHarness) -> None:
    live, revoked = await harness.created("live"), await harness.created("revoked")
    await harness.revoke("revoked")
    for client_id, secret in (
        (live.client.id, revoked.secret),
        (ClientId(uuid4()), live.secret),
        (revoked.client.id, revoked.secret),
    ):
        with pytest.raises(InvalidClient):
            await harness.attempt(client_id, secret)
    digests = [harness.secrets.hash(each.secret) for each in (live, revoked)]
    assert harness.secrets.compared == [digests[0], None, digests[1]]


async def test_the_tokens_of_a_revoked_client_end_within_two_seconds(
    harness: ClientHarness,
) -> None:
    created, other = await harness.created(), await harness.created("warehouse")
    tokens = [await harness.attempt(each.client.id, each.secret) for each in (created, other)]
    for token in tokens:
        await harness.authenticate(token.access.text)
    await harness.revoke("payments")
    await harness.clock.advance(2)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(tokens[0].access.text)
    await harness.authenticate(tokens[1].access.text)


# --- Limits


async def fail(harness: ClientHarness, times: int, client_id: ClientId, address: str) -> None:
    for _ in range(times):
        with pytest.raises(InvalidClient):
            await harness.attempt(client_id, "wrong", address=address)


async def test_after_ten_failures_the_right_secret_is_refused_without_a_comparison(
    harness: ClientHarness,
) -> None:
    created, other = await harness.created(), await harness.created("warehouse")
    await fail(harness, 10, created.client.id, HOME)
    harness.secrets.compared.clear()
    with pytest.raises(RateLimited):
        await harness.attempt(created.client.id, created.secret)
    assert harness.secrets.compared == []
    await harness.attempt(created.client.id, created.secret, address="198.51.100.7")
    await harness.attempt(other.client.id, other.secret)
    await harness.clock.advance(6)
    await harness.attempt(created.client.id, created.secret)


async def test_right_secrets_are_not_counted(harness: ClientHarness) -> None:
    created = await harness.created()
    for _ in range(200):
        await harness.attempt(created.client.id, created.secret)
    await fail(harness, 10, created.client.id, HOME)


async def test_each_outcome_is_in_the_authentication_log(harness: ClientHarness) -> None:
    created = await harness.created()
    client_id = created.client.id
    await fail(harness, 1, ClientId(uuid4()), HOME)
    await fail(harness, 10, client_id, HOME)
    await harness.attempt(client_id, created.secret, address="198.51.100.7")
    with pytest.raises(RateLimited):
        await harness.attempt(client_id, created.secret)
    kind = AuthenticationEventKind
    assert harness.log.events == [
        AuthenticationEvent(kind=kind.LOGIN_FAILED, address=HOME),
        *[AuthenticationEvent(kind=kind.LOGIN_FAILED, address=HOME, client_id=client_id)] * 10,
        AuthenticationEvent(kind=kind.LOGIN_SUCCEEDED, address="198.51.100.7", client_id=client_id),
        AuthenticationEvent(kind=kind.LOGIN_LIMITED, address=HOME, client_id=client_id),
    ]


class UnreachableClients:
    """`Clients` of which only the failing `login` is used."""

    async def login(self, _client_id: ClientId) -> NoReturn:
        raise Unavailable


async def test_an_attempt_without_the_storage_is_refunded(harness: ClientHarness) -> None:
    created = await harness.created()
    issue = IssueClientToken(
        UnreachableClients(),  # type: ignore[arg-type]
        harness.secrets,
        harness.attempts,
        harness.tokens,
        harness.clock,
        IDS,
    )
    credentials = ClientCredentials(
        client_id=created.client.id, secret=created.secret, scopes=None, address=HOME
    )
    assert created.secret not in repr(credentials)
    for _ in range(11):
        with pytest.raises(Unavailable):
            await issue(credentials)
    await fail(harness, 10, created.client.id, HOME)
