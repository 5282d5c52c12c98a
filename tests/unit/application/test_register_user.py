import pytest

from application.ports.accounts import Login
from application.register_user import RegisterUser, Registration
from domain.actor import Role
from domain.errors import EmailTaken
from domain.user import User
from tests.support.accounts import PlainPasswords
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS
from tests.support.time import NOW, MovableClock

ALICE = Registration("alice@example.com", "correct horse")


@pytest.fixture
def stored() -> Adapters:
    return memory_adapters(MovableClock())


@pytest.fixture
def register(stored: Adapters) -> RegisterUser:
    return RegisterUser(stored.accounts, PlainPasswords(), MovableClock(), IDS)


async def test_a_new_account_is_stored_with_a_hash_of_its_password(
    stored: Adapters, register: RegisterUser
) -> None:
    user = await register(ALICE)
    assert user == User(id=user.id, email=ALICE.email, role=Role.USER, created_at=NOW)
    assert await stored.accounts.login(ALICE.email) == Login(user, "strong:correct horse")


async def test_an_account_may_be_staffs_from_the_start(register: RegisterUser) -> None:
    user = await register(Registration("staff@example.com", "correct horse", Role.STAFF))
    assert user.role is Role.STAFF


async def test_an_address_is_registered_once(stored: Adapters, register: RegisterUser) -> None:
    first = await register(ALICE)
    with pytest.raises(EmailTaken):
        await register(Registration(ALICE.email, "battery staple"))
    assert await stored.accounts.login(ALICE.email) == Login(first, "strong:correct horse")
