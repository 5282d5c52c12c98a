import asyncio
from datetime import timedelta

import pytest

from application.ports.outside_issuer import OutsideIdentity
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.time import NOW

ISSUER = "https://login.example.com/realms/shop"
ADA = OutsideIdentity(ISSUER, "ada")


def an_account(email: str | None = None) -> Account:
    user_id = a_user_id()
    return Account(id=user_id, email=email or f"outside@{user_id}", created_at=NOW)


async def test_an_unknown_subject_has_no_account(adapters: Adapters) -> None:
    assert await adapters.outside_identities.find(ADA) is None


async def test_a_subject_has_the_account_that_was_stored_with_it(adapters: Adapters) -> None:
    account = an_account("ada@example.com")
    assert await adapters.outside_identities.add(ADA, account, "hash") == account.id
    assert await adapters.outside_identities.find(ADA) == account.id
    login = await adapters.accounts.login("ada@example.com")
    assert login is not None
    assert (login.account, login.password_hash) == (account, "hash")
    assert await adapters.outside_identities.of_user(account.id) == [ADA]


@pytest.mark.parametrize(
    "other",
    [
        OutsideIdentity(ISSUER, "Ada"),
        OutsideIdentity(ISSUER, "ada "),
        OutsideIdentity(f"{ISSUER}/", "ada"),
        OutsideIdentity("https://other.example.com", "ada"),
    ],
)
async def test_issuer_and_subject_are_compared_exactly(
    adapters: Adapters, other: OutsideIdentity
) -> None:
    first, second = an_account(), an_account()
    await adapters.outside_identities.add(ADA, first, "hash")
    assert await adapters.outside_identities.find(other) is None
    assert await adapters.outside_identities.add(other, second, "hash") == second.id
    assert await adapters.outside_identities.find(ADA) == first.id


async def test_a_known_subject_keeps_its_account(adapters: Adapters) -> None:
    first, second = an_account("ada@example.com"), an_account("ada@example.com")
    await adapters.outside_identities.add(ADA, first, "hash")
    assert await adapters.outside_identities.add(ADA, second, "other") == first.id
    assert await adapters.accounts.find(second.id) is None


async def test_concurrent_requests_of_a_subject_create_one_account(adapters: Adapters) -> None:
    accounts = [an_account() for _ in range(8)]
    ids = await asyncio.gather(
        *(adapters.outside_identities.add(ADA, each, "hash") for each in accounts)
    )
    assert len(set(ids)) == 1
    stored = [await adapters.accounts.find(each.id) for each in accounts]
    assert [each.id for each in stored if each] == [ids[0]]


async def test_a_taken_address_stores_nothing(adapters: Adapters) -> None:
    await adapters.accounts.add(an_account("ada@example.com"), "hash")
    account = an_account("ada@example.com")
    with pytest.raises(EmailTaken):
        await adapters.outside_identities.add(ADA, account, "hash")
    with pytest.raises(EmailTaken):
        await adapters.outside_identities.add(ADA, an_account(), "hash", "ada@example.com")
    assert await adapters.outside_identities.find(ADA) is None
    assert await adapters.accounts.find(account.id) is None


async def test_a_closed_account_loses_its_subjects(adapters: Adapters) -> None:
    account, other = an_account("ada@example.com"), an_account()
    await adapters.outside_identities.add(ADA, account, "hash")
    bob = OutsideIdentity(ISSUER, "bob")
    await adapters.outside_identities.add(bob, other, "hash")
    later = NOW + timedelta(seconds=5)
    assert not await adapters.erasures.begin(account.id, "another hash", "gone", later)
    assert await adapters.outside_identities.find(ADA) == account.id
    assert await adapters.erasures.begin(account.id, "hash", "gone", later)
    assert await adapters.outside_identities.find(ADA) is None
    assert await adapters.outside_identities.find(bob) == other.id
    assert "'ada'" not in await adapters.stored_facts.dump()


async def test_a_subject_keeps_its_account_when_its_role_changes(adapters: Adapters) -> None:
    account = an_account()
    await adapters.outside_identities.add(ADA, account, "hash")
    await adapters.accounts.update(account.email, role=Role.STAFF)
    assert await adapters.outside_identities.find(ADA) == account.id
