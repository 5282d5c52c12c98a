import asyncio
from dataclasses import replace

import pytest

from application.ports.accounts import Login
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.time import NOW

EMAIL = "alice@example.com"


def an_account(email: str = EMAIL, role: Role = Role.USER) -> Account:
    return Account(id=a_user_id(), email=email, role=role, created_at=NOW)


@pytest.mark.parametrize("role", Role)
async def test_an_account_is_found_by_its_address_and_by_its_id(
    adapters: Adapters, role: Role
) -> None:
    alice = an_account(role=role)
    await adapters.accounts.add(alice, "hash")
    assert await adapters.accounts.login(EMAIL) == Login(alice, "hash")
    assert await adapters.accounts.find(alice.id) == alice


async def test_an_unregistered_address_has_no_account(adapters: Adapters) -> None:
    assert await adapters.accounts.login(EMAIL) is None
    assert await adapters.accounts.find(a_user_id()) is None


async def test_an_address_of_another_alphabet_is_found(adapters: Adapters) -> None:
    email = "\u30c6\u30b9\u30c8@\u4f8b\u3048.jp"
    alice = an_account(email)
    await adapters.accounts.add(alice, "hash")
    assert await adapters.accounts.login(email) == Login(alice, "hash")


async def test_the_first_spelling_with_an_account_is_found(
    adapters: Adapters,
) -> None:
    new, old = an_account("ada@b\u00fccher.example"), an_account("ada@xn--bcher-kva.example")
    await adapters.accounts.add(old, "old")
    await adapters.accounts.add(new, "new")
    nobodys = "ada@example.com"
    assert await adapters.accounts.login(nobodys, old.email, new.email) == Login(old, "old")
    assert await adapters.accounts.login(new.email, old.email) == Login(new, "new")
    disabled = replace(old, disabled=True)
    assert await adapters.accounts.update(old.email, new.email, disabled=True) == disabled
    assert await adapters.accounts.find(new.id) == new


async def test_an_address_with_a_registered_older_spelling_is_taken(adapters: Adapters) -> None:
    new, old = an_account("ada@b\u00fccher.example"), an_account("ada@xn--bcher-kva.example")
    await adapters.accounts.add(old, "hash")
    with pytest.raises(EmailTaken):
        await adapters.accounts.add(new, "other", old.email)
    assert await adapters.accounts.login(new.email) is None


async def test_a_second_account_with_an_address_is_rejected(
    adapters: Adapters,
) -> None:
    alice, impostor = an_account(), an_account()
    await adapters.accounts.add(alice, "hash")
    with pytest.raises(EmailTaken):
        await adapters.accounts.add(impostor, "other")
    assert await adapters.accounts.login(EMAIL) == Login(alice, "hash")
    assert await adapters.accounts.find(impostor.id) is None


async def test_one_of_many_concurrent_accounts_with_an_address_is_stored(
    adapters: Adapters,
) -> None:
    accounts = [an_account() for _ in range(8)]
    answers = await asyncio.gather(
        *(adapters.accounts.add(account, "hash") for account in accounts), return_exceptions=True
    )
    assert answers.count(None) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 7
    assert await adapters.accounts.login(EMAIL) == Login(accounts[answers.index(None)], "hash")


async def test_a_role_change_changes_nothing_else(adapters: Adapters) -> None:
    alice, bob = an_account(), an_account("bob@example.com")
    for account in (alice, bob):
        await adapters.accounts.add(account, "hash")
    promoted = replace(alice, role=Role.STAFF)
    assert await adapters.accounts.update(EMAIL, role=Role.STAFF) == promoted
    assert await adapters.accounts.login(EMAIL) == Login(promoted, "hash")
    assert await adapters.accounts.find(bob.id) == bob


async def test_an_account_is_disabled_and_enabled_and_keeps_its_role(adapters: Adapters) -> None:
    alice = an_account(role=Role.STAFF)
    await adapters.accounts.add(alice, "hash")
    disabled = replace(alice, disabled=True)
    assert await adapters.accounts.update(EMAIL, disabled=True) == disabled
    assert await adapters.accounts.find(alice.id) == disabled
    assert await adapters.accounts.update(EMAIL, disabled=False) == alice


async def test_role_and_enabled_state_change_together(adapters: Adapters) -> None:
    alice = an_account()
    await adapters.accounts.add(alice, "hash")
    changed = await adapters.accounts.update(EMAIL, role=Role.STAFF, disabled=True)
    assert changed == replace(alice, role=Role.STAFF, disabled=True)


async def test_a_new_hash_changes_the_password_and_nothing_else(adapters: Adapters) -> None:
    alice, bob = an_account(role=Role.STAFF), an_account("bob@example.com")
    for account in (alice, bob):
        await adapters.accounts.add(account, "old")
    assert await adapters.accounts.update(EMAIL, password_hash="new") == alice
    assert await adapters.accounts.login(EMAIL) == Login(alice, "new")
    assert await adapters.accounts.login(bob.email) == Login(bob, "old")


async def test_pages_contain_every_account_once_by_id(adapters: Adapters) -> None:
    accounts = sorted(
        (an_account(f"{n}@example.com") for n in range(5)), key=lambda account: account.id
    )
    for account in reversed(accounts):
        await adapters.accounts.add(account, "hash")
    assert await adapters.directory.page(10) == accounts
    first = await adapters.directory.page(2)
    rest = await adapters.directory.page(3, first[-1].id)
    assert [*first, *rest] == accounts
    assert await adapters.directory.page(1, accounts[-1].id) == []


async def test_updating_a_missing_account_changes_nothing(adapters: Adapters) -> None:
    assert await adapters.accounts.update(EMAIL, disabled=True) is None


async def test_a_hash_is_replaced(adapters: Adapters) -> None:
    alice = an_account()
    await adapters.accounts.add(alice, "old")
    await adapters.passwords.rehash(alice.id, "old", "new")
    assert await adapters.accounts.login(EMAIL) == Login(alice, "new")


async def test_a_concurrently_replaced_hash_is_not_overwritten(adapters: Adapters) -> None:
    alice = an_account()
    await adapters.accounts.add(alice, "changed by its owner")
    await adapters.passwords.rehash(alice.id, "old", "old, only stronger")
    assert await adapters.accounts.login(EMAIL) == Login(alice, "changed by its owner")


async def test_the_hash_of_a_missing_account_is_not_replaced(adapters: Adapters) -> None:
    await adapters.passwords.rehash(a_user_id(), "old", "new")
    assert await adapters.accounts.login(EMAIL) is None
