import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from application.ports.access_changes import AccessChangeKind
from application.ports.clients import ClientLogin
from domain.client import MachineClient
from domain.errors import ClientNameTaken
from domain.ids import ClientId
from domain.scope import Scope
from tests.support.adapters import Adapters
from tests.support.time import NOW

DIGEST, OTHER_DIGEST = b"\x00" * 32, b"\xff" * 32
LATER = NOW + timedelta(minutes=1)


def a_client(name: str = "payments", *scopes: Scope) -> MachineClient:
    return MachineClient(
        id=ClientId(uuid4()), name=name, scopes=frozenset(scopes or Scope), created_at=NOW
    )


@pytest.mark.parametrize("scopes", [(Scope.ORDERS_READ,), (Scope.ORDERS_STATUS,), tuple(Scope)])
async def test_a_client_is_found_by_its_id_and_by_its_name(
    adapters: Adapters, scopes: tuple[Scope, ...]
) -> None:
    client, other = a_client("payments", *scopes), a_client("warehouse")
    await adapters.clients.add(client, DIGEST)
    await adapters.clients.add(other, OTHER_DIGEST)
    assert await adapters.clients.login(client.id) == ClientLogin(client, DIGEST)
    assert await adapters.clients.named("payments") == client


async def test_an_unknown_client_is_not_found(adapters: Adapters) -> None:
    assert await adapters.clients.login(ClientId(uuid4())) is None
    assert await adapters.clients.named("payments") is None


async def test_a_name_is_taken_until_its_client_is_revoked(adapters: Adapters) -> None:
    first, second = a_client(), a_client()
    await adapters.clients.add(first, DIGEST)
    with pytest.raises(ClientNameTaken):
        await adapters.clients.add(second, OTHER_DIGEST)
    assert await adapters.clients.login(second.id) is None
    await adapters.clients.revoke(first.id, LATER)
    await adapters.clients.add(second, OTHER_DIGEST)
    assert await adapters.clients.named("payments") == second


async def test_one_of_many_concurrent_clients_with_a_name_is_stored(adapters: Adapters) -> None:
    clients = [a_client() for _ in range(8)]
    answers = await asyncio.gather(
        *(adapters.clients.add(each, DIGEST) for each in clients), return_exceptions=True
    )
    assert answers.count(None) == 1
    assert sum(isinstance(answer, ClientNameTaken) for answer in answers) == 7
    assert await adapters.clients.page(10) == [clients[answers.index(None)]]


async def test_a_revoked_client_is_still_known(adapters: Adapters) -> None:
    client, other = a_client(), a_client("warehouse")
    await adapters.clients.add(client, DIGEST)
    await adapters.clients.add(other, DIGEST)
    revoked = replace(client, revoked_at=LATER)
    assert await adapters.clients.revoke(client.id, LATER) == revoked
    assert await adapters.clients.login(client.id) == ClientLogin(revoked, DIGEST)
    assert await adapters.clients.named("payments") is None
    assert await adapters.clients.login(other.id) == ClientLogin(other, DIGEST)


async def feed(adapters: Adapters, now: datetime) -> list[tuple[AccessChangeKind, ClientId]]:
    """Return the changes that still matter at this time."""
    page = await adapters.access_changes.read(0, now)
    return [(change.kind, ClientId(change.subject)) for _, change in page.changes]


async def test_a_revocation_is_in_the_feed_once(adapters: Adapters) -> None:
    client = a_client()
    await adapters.clients.add(client, DIGEST)
    assert await feed(adapters, NOW) == []
    await adapters.clients.revoke(client.id, LATER)
    repeated = await adapters.clients.revoke(client.id, LATER + timedelta(days=1))
    assert repeated == replace(client, revoked_at=LATER)
    # The longest lifetime of an access token is a year.
    assert await feed(adapters, NOW) == [(AccessChangeKind.CLIENT, client.id)]


async def test_revoking_an_unknown_client_changes_nothing(adapters: Adapters) -> None:
    assert await adapters.clients.revoke(ClientId(uuid4()), LATER) is None
    assert await feed(adapters, NOW) == []


async def test_pages_contain_every_client_once_by_id(adapters: Adapters) -> None:
    clients = sorted((a_client(f"client{n}") for n in range(5)), key=lambda each: each.id)
    for client in reversed(clients):
        await adapters.clients.add(client, DIGEST)
    clients[3] = replace(clients[3], revoked_at=LATER)
    await adapters.clients.revoke(clients[3].id, LATER)
    assert await adapters.clients.page(10) == clients
    first = await adapters.clients.page(2)
    rest = await adapters.clients.page(3, first[-1].id)
    assert [*first, *rest] == clients
    assert await adapters.clients.page(1, clients[-1].id) == []
