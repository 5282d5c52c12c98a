import pytest

from application.orders.read_history import ReadHistory
from domain.actor import Actor, ActorKind, Role
from domain.errors import OrderNotFound
from tests.support.orders import PAID, STAFF, a_user_id, an_order_id
from tests.support.service import Service
from tests.support.storage_actions import move


@pytest.mark.parametrize("reader", [None, STAFF])
async def test_owner_and_staff_can_read_the_steps(service: Service, reader: Actor | None) -> None:
    placed = await service.placed()
    paid = await move(service.stored, placed.id, PAID)
    owner = Actor(ActorKind.USER, placed.document.owner)
    steps = await ReadHistory(service.stored.history)(placed.id, reader or owner)
    assert [step.version for step in steps] == [1, 2]
    assert steps[1] == paid.step


async def test_another_user_cannot_read_the_steps(service: Service) -> None:
    placed = await service.placed()
    other_user = Actor.of_role(a_user_id(), Role.USER)
    with pytest.raises(OrderNotFound):
        await ReadHistory(service.stored.history)(placed.id, other_user)


async def test_a_missing_order_has_no_history(service: Service) -> None:
    with pytest.raises(OrderNotFound):
        await ReadHistory(service.stored.history)(an_order_id(), STAFF)
