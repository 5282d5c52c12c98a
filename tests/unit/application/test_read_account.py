import pytest

from application.accounts.change_account import DisableAccount, GrantRole
from application.accounts.read_account import ReadAccount
from application.errors import NotAuthenticated
from domain.account import Account
from domain.actor import Role
from tests.support.accounts import an_address
from tests.support.adapters import memory_adapters
from tests.support.orders import a_user_id
from tests.support.time import NOW, MovableClock

EMAIL = "alice@example.com"


async def test_the_current_account_is_returned() -> None:
    accounts = memory_adapters(MovableClock()).accounts
    account = Account(id=a_user_id(), email=EMAIL, created_at=NOW)
    await accounts.add(account, "hash")
    assert await ReadAccount(accounts)(account.id) == account
    await GrantRole(accounts)(an_address(EMAIL), Role.STAFF)
    assert (await ReadAccount(accounts)(account.id)).role is Role.STAFF
    await DisableAccount(accounts)(an_address(EMAIL))
    with pytest.raises(NotAuthenticated):
        await ReadAccount(accounts)(account.id)


async def test_a_deleted_account_is_not_authenticated() -> None:
    with pytest.raises(NotAuthenticated):
        await ReadAccount(memory_adapters(MovableClock()).accounts)(a_user_id())
