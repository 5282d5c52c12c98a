import pytest

from application.accounts.register import RegisterUser, Registration
from application.ports.accounts import EmailAddress, Login
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from tests.support.accounts import PlainPasswords, an_address
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS
from tests.support.time import NOW, MovableClock

ALICE = Registration(an_address("alice@example.com"), "correct horse")


@pytest.fixture
def stored() -> Adapters:
    return memory_adapters(MovableClock())


@pytest.fixture
def register(stored: Adapters) -> RegisterUser:
    return RegisterUser(stored.accounts, PlainPasswords(), MovableClock(), IDS)


async def test_a_new_account_is_stored_with_a_hash_of_its_password(
    stored: Adapters, register: RegisterUser
) -> None:
    account = await register(ALICE)
    assert account == Account(
        id=account.id, email=ALICE.email.stored, role=Role.USER, created_at=NOW
    )
    assert await stored.accounts.login(ALICE.email.stored) == Login(account, "strong:correct horse")


async def test_a_staff_account_can_be_registered(register: RegisterUser) -> None:
    account = await register(
        Registration(an_address("staff@example.com"), "correct horse", Role.STAFF)
    )
    assert account.role is Role.STAFF


async def test_an_address_can_be_registered_once(stored: Adapters, register: RegisterUser) -> None:
    first = await register(ALICE)
    with pytest.raises(EmailTaken):
        await register(Registration(ALICE.email, "battery staple"))
    assert await stored.accounts.login(ALICE.email.stored) == Login(first, "strong:correct horse")


async def test_an_account_under_an_older_spelling_takes_the_address(
    stored: Adapters, register: RegisterUser
) -> None:
    await register(Registration(an_address("ada@xn--bcher-kva.example"), "correct horse"))
    spellings = ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example")
    with pytest.raises(EmailTaken):
        await register(Registration(EmailAddress(spellings[0], spellings), "battery staple"))
    assert await stored.accounts.login(spellings[0]) is None
