import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from application.errors import ConcurrentUpdate, NotAuthenticated
from application.ports.outside_issuer import OutsideIdentity
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.time import NOW

ISSUER = "https://login.example.com/realms/shop"
ADA = OutsideIdentity(ISSUER, "ada")
KEPT = uuid4()
#: Before and after every test, by the clock of any storage.
LONG_AGO, FAR = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def an_account(email: str | None = None) -> Account:
    user_id = a_user_id()
    return Account(id=user_id, email=email or f"outside@{user_id}", created_at=NOW)


async def test_an_unknown_subject_has_no_account(adapters: Adapters) -> None:
    assert await adapters.outside_identities.find(ADA) is None


async def test_a_subject_has_the_account_that_was_stored_with_it(adapters: Adapters) -> None:
    account = an_account("ada@example.com")
    assert await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW) == account.id
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
    await adapters.outside_identities.add(ADA, first, "hash", issued_at=NOW)
    assert await adapters.outside_identities.find(other) is None
    assert await adapters.outside_identities.add(other, second, "hash", issued_at=NOW) == second.id
    assert await adapters.outside_identities.find(ADA) == first.id


async def test_a_known_subject_keeps_its_account(adapters: Adapters) -> None:
    first, second = an_account("ada@example.com"), an_account("ada@example.com")
    await adapters.outside_identities.add(ADA, first, "hash", issued_at=NOW)
    assert await adapters.outside_identities.add(ADA, second, "other", issued_at=NOW) == first.id
    assert await adapters.accounts.find(second.id) is None


async def test_concurrent_requests_of_a_subject_create_one_account(adapters: Adapters) -> None:
    accounts = [an_account() for _ in range(8)]
    ids = await asyncio.gather(
        *(adapters.outside_identities.add(ADA, each, "hash", issued_at=NOW) for each in accounts)
    )
    assert len(set(ids)) == 1
    stored = [await adapters.accounts.find(each.id) for each in accounts]
    assert [each.id for each in stored if each] == [ids[0]]


async def test_a_taken_address_stores_nothing(adapters: Adapters) -> None:
    await adapters.accounts.add(an_account("ada@example.com"), "hash")
    account = an_account("ada@example.com")
    with pytest.raises(EmailTaken):
        await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW)
    with pytest.raises(EmailTaken):
        await adapters.outside_identities.add(
            ADA, an_account(), "hash", "ada@example.com", issued_at=NOW
        )
    assert await adapters.outside_identities.find(ADA) is None
    assert await adapters.accounts.find(account.id) is None


async def test_a_closed_account_loses_its_subjects(adapters: Adapters) -> None:
    account, other = an_account("ada@example.com"), an_account()
    await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW)
    bob = OutsideIdentity(ISSUER, "bob")
    await adapters.outside_identities.add(bob, other, "hash", issued_at=NOW)
    later = NOW + timedelta(seconds=5)
    assert not await adapters.erasures.begin(account.id, "another hash", "gone", later)
    assert await adapters.outside_identities.find(ADA) == account.id
    assert await adapters.erasures.begin(account.id, "hash", "gone", later)
    assert await adapters.outside_identities.find(ADA) is None
    assert await adapters.outside_identities.find(bob) == other.id
    assert "'ada'" not in await adapters.stored_facts.dump()


async def closed(adapters: Adapters, identity: OutsideIdentity) -> None:
    """Store an account for a subject and close it."""
    account = an_account()
    await adapters.outside_identities.add(identity, account, "hash", issued_at=FAR)
    assert await adapters.erasures.begin(account.id, "hash", "gone", NOW)


async def test_a_token_from_before_the_closing_never_opens_a_new_account(
    adapters: Adapters,
) -> None:
    await closed(adapters, ADA)
    with pytest.raises(NotAuthenticated):
        await adapters.outside_identities.add(ADA, an_account(), "hash", issued_at=LONG_AGO)
    assert await adapters.outside_identities.find(ADA) is None
    bob, account = OutsideIdentity(ISSUER, "bob"), an_account()
    found = await adapters.outside_identities.add(bob, account, "hash", issued_at=LONG_AGO)
    assert found == account.id


async def test_a_later_token_of_a_closed_subject_opens_an_account_for_later_tokens_only(
    adapters: Adapters,
) -> None:
    for _ in range(2):
        await closed(adapters, ADA)
    new = an_account()
    assert await adapters.outside_identities.add(ADA, new, "hash", issued_at=FAR) == new.id
    stored = await adapters.accounts.find(new.id)
    assert stored is not None
    assert not stored.accepts_outside_token(uuid4(), LONG_AGO)
    assert stored.accepts_outside_token(uuid4(), FAR)


async def test_a_request_that_races_the_closing_opens_no_account(adapters: Adapters) -> None:
    for number in range(10):
        identity, account = OutsideIdentity(ISSUER, f"ada {number}"), an_account()
        await adapters.outside_identities.add(identity, account, "hash", issued_at=NOW)
        results = await asyncio.gather(
            adapters.erasures.begin(account.id, "hash", "gone", NOW),
            adapters.outside_identities.add(identity, an_account(), "hash", issued_at=LONG_AGO),
            return_exceptions=True,
        )
        assert results[0] is True
        assert results[1] == account.id or isinstance(
            results[1], (NotAuthenticated, ConcurrentUpdate)
        )
        assert await adapters.outside_identities.find(identity) is None


Ending = Callable[[Adapters, Account], Awaitable[object]]
ENDINGS: dict[str, Ending] = {
    "password set": lambda stored, each: stored.accounts.update(each.email, password_hash="new"),
    "password changed": lambda stored, each: stored.passwords.change(each.id, "hash", "new", KEPT),
    "sessions ended": lambda stored, each: stored.session_admin.end_all(each.id),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_outside_tokens_of_an_account_end(adapters: Adapters, ending: str) -> None:
    account, other = an_account(), an_account()
    await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW)
    bob = OutsideIdentity(ISSUER, "bob")
    await adapters.outside_identities.add(bob, other, "hash", issued_at=NOW)
    await ENDINGS[ending](adapters, account)
    ended = await adapters.accounts.find(account.id)
    assert ended is not None
    assert not ended.accepts_outside_token(uuid4(), LONG_AGO)
    assert ended.accepts_outside_token(uuid4(), FAR)
    assert ended.accepts_outside_token(KEPT, LONG_AGO) == (ending == "password changed")
    assert await adapters.accounts.find(other.id) == other
    page = await adapters.access_changes.read(0, NOW)
    assert [change.subject for _, change in page.changes] == [account.id]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_local_account_has_no_outside_tokens_to_end(
    adapters: Adapters, ending: str
) -> None:
    account = an_account("ada@example.com")
    await adapters.accounts.add(account, "hash")
    await ENDINGS[ending](adapters, account)
    assert await adapters.accounts.find(account.id) == account
    assert (await adapters.access_changes.read(0, NOW)).changes == []


async def test_a_later_end_includes_the_token_that_was_kept(adapters: Adapters) -> None:
    account = an_account()
    await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW)
    await adapters.passwords.change(account.id, "hash", "new", KEPT)
    await adapters.session_admin.end_all(account.id)
    ended = await adapters.accounts.find(account.id)
    assert ended is not None
    assert not ended.accepts_outside_token(KEPT, LONG_AGO)


async def test_a_subject_keeps_its_account_when_its_role_changes(adapters: Adapters) -> None:
    account = an_account()
    await adapters.outside_identities.add(ADA, account, "hash", issued_at=NOW)
    await adapters.accounts.update(account.email, role=Role.STAFF)
    assert await adapters.outside_identities.find(ADA) == account.id
