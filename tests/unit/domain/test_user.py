import pytest

from domain.actor import Actor, ActorKind, Role
from domain.user import User, read_password
from tests.unit.domain.orders import ALICE, NOW


@pytest.mark.parametrize("password", ["12345678", "        ", "p\u00e4ssw\u00f6rd", "x" * 128])
def test_a_password_needs_length_and_nothing_else(password: str) -> None:
    assert read_password(password) == password


@pytest.mark.parametrize("role", Role)
def test_the_accounts_owner_acts_in_its_role(role: Role) -> None:
    user = User(id=ALICE, email="alice@example.com", role=role, created_at=NOW)
    assert user.actor == Actor(ActorKind(role), ALICE)


def test_an_account_is_an_enabled_users_unless_said_otherwise() -> None:
    user = User(id=ALICE, email="alice@example.com", created_at=NOW)
    assert (user.role, user.disabled) == (Role.USER, False)
