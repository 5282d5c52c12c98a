from collections.abc import Awaitable, Callable

import pytest

from application.accounts.change_account import DisableAccount, EnableAccount, GrantRole
from application.accounts.list_accounts import ListAccounts
from application.accounts.set_password import SetPassword
from application.errors import AccountClosed, NoSuchAccount
from application.ports.accounts import EmailAddress, Login
from domain.account import Account, erased_email
from domain.actor import Role
from tests.support.accounts import PlainPasswords, an_address
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import a_user_id
from tests.support.time import NOW, MovableClock

EMAIL = "alice@example.com"


@pytest.fixture
def stored() -> Adapters:
    return memory_adapters(MovableClock())


@pytest.fixture
async def alice(stored: Adapters) -> Account:
    account = Account(id=a_user_id(), email=EMAIL, created_at=NOW)
    await stored.accounts.add(account, "hash")
    return account


async def test_a_role_is_granted_and_revoked(stored: Adapters, alice: Account) -> None:
    for role in (Role.STAFF, Role.USER):
        changed = await GrantRole(stored.accounts)(an_address(EMAIL), role)
        assert changed.role is role
        assert await stored.accounts.find(alice.id) == changed


async def test_an_account_is_disabled(stored: Adapters, alice: Account) -> None:
    changed = await DisableAccount(stored.accounts)(an_address(EMAIL))
    assert changed.disabled
    assert await stored.accounts.find(alice.id) == changed


async def test_a_disabled_account_is_enabled_again(stored: Adapters, alice: Account) -> None:
    await DisableAccount(stored.accounts)(an_address(EMAIL))
    assert await EnableAccount(stored.accounts)(an_address(EMAIL)) == alice
    assert await stored.accounts.find(alice.id) == alice


async def test_a_password_is_replaced_by_its_hash(stored: Adapters, alice: Account) -> None:
    changed = await SetPassword(stored.accounts, PlainPasswords())(an_address(EMAIL), "another one")
    assert changed == alice
    assert await stored.accounts.login(EMAIL) == Login(alice, "strong:another one")


@pytest.mark.parametrize(
    "act",
    [
        lambda stored, email: GrantRole(stored.accounts)(email, Role.STAFF),
        lambda stored, email: EnableAccount(stored.accounts)(email),
        lambda stored, email: SetPassword(stored.accounts, PlainPasswords())(email, "another one"),
    ],
    ids=["role", "enable", "password"],
)
async def test_a_closed_account_stays_closed(
    stored: Adapters,
    alice: Account,
    act: Callable[[Adapters, EmailAddress], Awaitable[Account]],
) -> None:
    await stored.erasures.begin(alice.id, "hash", "gone", NOW)
    closed = await stored.accounts.login(erased_email(alice.id))
    with pytest.raises(AccountClosed):
        await act(stored, an_address(erased_email(alice.id)))
    assert await stored.accounts.login(erased_email(alice.id)) == closed


async def test_accounts_are_listed_in_pages(stored: Adapters, alice: Account) -> None:
    bob = Account(id=a_user_id(), email="bob@example.com", created_at=NOW)
    await stored.accounts.add(bob, "hash")
    both = sorted((alice, bob), key=lambda account: account.id)
    list_accounts = ListAccounts(stored.directory)
    assert await list_accounts(5) == both
    assert await list_accounts(5, both[0].id) == both[1:]


@pytest.mark.parametrize(
    "act",
    [
        lambda stored: GrantRole(stored.accounts)(an_address(EMAIL), Role.STAFF),
        lambda stored: DisableAccount(stored.accounts)(an_address(EMAIL)),
        lambda stored: EnableAccount(stored.accounts)(an_address(EMAIL)),
        lambda stored: SetPassword(stored.accounts, PlainPasswords())(
            an_address(EMAIL), "another one"
        ),
    ],
)
async def test_a_missing_account_cannot_be_changed(
    stored: Adapters, act: Callable[[Adapters], Awaitable[Account]]
) -> None:
    with pytest.raises(NoSuchAccount):
        await act(stored)
