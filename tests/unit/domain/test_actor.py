from contextlib import nullcontext

import pytest

from domain.actor import SYSTEM, Actor, ActorKind, Role
from domain.errors import OrderNotFound
from domain.ids import ClientId, UserId
from tests.unit.domain.orders import ALICE, BOB


@pytest.mark.parametrize(
    ("actor", "sees_alices", "sees_everything"),
    [
        (Actor(ActorKind.USER, ALICE), True, False),
        (Actor(ActorKind.USER, BOB), False, False),
        (Actor(ActorKind.STAFF, ALICE), True, True),
        (Actor(ActorKind.STAFF, BOB), True, True),
        (Actor(ActorKind.SERVICE, ClientId(BOB)), True, True),
        (SYSTEM, True, True),
    ],
)
def test_a_user_sees_their_own_orders_and_staff_see_all(
    actor: Actor, *, sees_alices: bool, sees_everything: bool
) -> None:
    assert actor.may_see(ALICE) is sees_alices
    assert actor.sees_everything is sees_everything
    with nullcontext() if sees_alices else pytest.raises(OrderNotFound):
        actor.ensure_may_see(ALICE)


@pytest.mark.parametrize(
    ("role", "kind"), [(Role.USER, ActorKind.USER), (Role.STAFF, ActorKind.STAFF)]
)
def test_the_kind_of_an_actor_follows_from_its_role(role: Role, kind: ActorKind) -> None:
    assert Actor.of_role(ALICE, role) == Actor(kind, ALICE)


def test_no_account_can_act_as_the_system() -> None:
    assert ActorKind.SYSTEM not in {Actor.of_role(ALICE, role).kind for role in Role}
    assert SYSTEM.id is None


@pytest.mark.parametrize(
    ("actor", "user_id"),
    [
        (Actor(ActorKind.USER, ALICE), ALICE),
        (Actor(ActorKind.STAFF, BOB), BOB),
        (Actor(ActorKind.SERVICE, ClientId(BOB)), None),
        (SYSTEM, None),
    ],
)
def test_only_users_and_staff_have_an_account(actor: Actor, user_id: UserId | None) -> None:
    assert actor.user_id == user_id
