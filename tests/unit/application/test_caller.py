import pytest

from application.accounts.caller import Caller
from application.errors import InsufficientScope
from domain.account import Account
from domain.actor import Actor, ActorKind
from domain.ids import ClientId, SessionId
from domain.scope import Scope
from tests.support.orders import IDS, a_user_id
from tests.support.time import NOW

ALICE = Account(id=a_user_id(), email="alice@example.com", created_at=NOW)
CLIENT = Caller(
    Actor(ActorKind.SERVICE, ClientId(IDS.new(NOW))), scopes=frozenset({Scope.ORDERS_READ})
)


def test_an_account_may_use_every_route() -> None:
    caller = Caller.of_account(ALICE, SessionId(IDS.new(NOW)))
    assert caller.user_id == ALICE.id
    assert all(caller.may_use(scope) for scope in (None, *Scope))


def test_a_machine_client_needs_the_routes_scope() -> None:
    assert [scope for scope in (None, *Scope) if CLIENT.may_use(scope)] == [Scope.ORDERS_READ]


def test_a_machine_client_has_no_account() -> None:
    with pytest.raises(InsufficientScope, match="for accounts"):
        _ = CLIENT.user_id


def test_a_missing_scope_is_named() -> None:
    assert str(InsufficientScope(Scope.ORDERS_STATUS)) == (
        "The access token needs the scope orders:status."
    )
