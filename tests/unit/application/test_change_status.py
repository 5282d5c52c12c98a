import asyncio
from dataclasses import replace

import pytest

from application.documents import OrderDocument
from application.errors import ConcurrentUpdate
from application.orders.change_status import ChangeStatusCommand
from application.ports.orders import CacheState
from domain.actor import SYSTEM, Actor, ActorKind, Role
from domain.errors import (
    IllegalTransition,
    OrderNotFound,
    OrderServiceError,
    StatusForbidden,
    VersionConflict,
)
from domain.ids import OrderId
from domain.order.history import Step
from domain.order.policy import StatusPolicy
from domain.order.status import OrderStatus
from tests.support.faults import Interrupted, UnreachableCache
from tests.support.orders import CANCELED, PAID, PENDING, SHIPPED, STAFF, a_user_id, an_order_id
from tests.support.service import Service
from tests.support.storage_actions import move, order_in, publish, waiting

STALE = frozenset({7})


async def an_order(service: Service, *way: OrderStatus) -> tuple[OrderId, Actor]:
    """Return an order and its owner. It has been moved along `way` and its events published."""
    placed = await service.placed()
    if way:
        await move(service.stored, placed.id, *way)
    while await publish(service.stored.outbox):
        pass
    return placed.id, Actor(ActorKind.USER, placed.document.owner)


async def test_an_owner_moves_an_order_through_its_lifecycle(service: Service) -> None:
    order_id, owner = await an_order(service)
    for version, status in ((2, PAID), (3, SHIPPED)):
        document = await service.change(ChangeStatusCommand(order_id, status, owner))
        assert document.version == version
        assert await service.stored.reader.find(order_id) == document
        order = await order_in(service.stored, order_id)
        assert (order.status, order.version) == (status, version)


async def test_a_change_is_cached_announced_and_wakes_the_relay(service: Service) -> None:
    order_id, owner = await an_order(service)
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner))
    assert await service.cached(order_id) == document
    [event] = await waiting(service.stored.outbox)
    assert (event.type, event.version, event.revision) == ("order.status_changed", 2, 2)
    assert service.relay_was_notified


async def test_a_cached_order_is_a_hit_after_a_change(service: Service) -> None:
    order_id, owner = await an_order(service)
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner))
    found = await service.read(order_id, owner)
    assert (found.document, found.cache) == (document, CacheState.HIT)


async def test_an_uncached_order_is_a_miss_after_a_change(service: Service) -> None:
    order_id, owner = await an_order(service)
    await service.cache.invalidate_all()
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner))
    for state in (CacheState.MISS, CacheState.HIT):
        found = await service.read(order_id, owner)
        assert (found.document, found.cache) == (document, state)


async def test_a_repeated_change_updates_a_cache_that_the_first_one_did_not_reach(
    service: Service,
) -> None:
    order_id, owner = await an_order(service)
    await move(service.stored, order_id, PAID)  # committed by a process that died right after
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner))
    found = await service.read(order_id, owner)
    assert (found.document, found.cache) == (document, CacheState.HIT)


async def test_a_change_is_a_step_with_actor_reason_and_time(service: Service) -> None:
    order_id, owner = await an_order(service)
    await service.clock.advance(60)
    await service.change(ChangeStatusCommand(order_id, CANCELED, owner, "changed my mind"))
    found = await service.stored.history.steps(order_id)
    assert found is not None
    assert found[1][-1] == Step(2, PENDING, CANCELED, owner, "changed my mind", service.clock.now())


@pytest.mark.parametrize("way", [(), (PAID,), (PAID, SHIPPED), (CANCELED,)])
async def test_the_current_status_changes_nothing(
    service: Service, way: tuple[OrderStatus, ...]
) -> None:
    order_id, owner = await an_order(service, *way)
    before = await service.stored.reader.find(order_id)
    current = (PENDING, *way)[-1]
    command = ChangeStatusCommand(order_id, current, owner, "once more", frozenset({len(way) + 1}))
    assert await service.change(command) == before
    assert await service.stored.reader.find(order_id) == before
    assert await waiting(service.stored.outbox) == []
    assert not service.relay_was_notified


@pytest.mark.parametrize("policy", StatusPolicy)
async def test_staff_change_orders_of_any_user(policy: StatusPolicy) -> None:
    service = Service(policy)
    order_id, _ = await an_order(service)
    await service.change(ChangeStatusCommand(order_id, PAID, STAFF))
    assert (await order_in(service.stored, order_id)).status is PAID


async def test_an_owner_may_cancel_under_the_staff_policy() -> None:
    service = Service(StatusPolicy.STAFF)
    order_id, owner = await an_order(service)
    await service.change(ChangeStatusCommand(order_id, CANCELED, owner))
    assert (await order_in(service.stored, order_id)).status is CANCELED


@pytest.mark.parametrize("accepted", [None, frozenset({1}), frozenset({1, 7})])
async def test_a_change_of_an_accepted_version_succeeds(
    service: Service, accepted: frozenset[int] | None
) -> None:
    order_id, owner = await an_order(service)
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner, None, accepted))
    assert document.version == 2


async def test_processing_does_not_make_a_version_stale(service: Service) -> None:
    order_id, owner = await an_order(service)
    await service.process(order_id)
    document = await service.change(
        ChangeStatusCommand(order_id, PAID, owner, None, frozenset({1}))
    )
    assert (document.version, document.is_processed) == (2, True)


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (OrderNotFound, {"actor": Actor.of_role(a_user_id(), Role.USER)}),
        (OrderNotFound, {"order_id": an_order_id(), "actor": SYSTEM}),
        (VersionConflict, {}),
        (VersionConflict, {"status": CANCELED}),
        (StatusForbidden, {"accepted_versions": None}),
        (StatusForbidden, {"accepted_versions": frozenset({2})}),
        (IllegalTransition, {"accepted_versions": None, "actor": STAFF}),
    ],
)
async def test_the_first_of_several_errors_is_raised(
    error: type[OrderServiceError], changes: dict[str, object]
) -> None:
    service = Service(StatusPolicy.STAFF)
    order_id, owner = await an_order(service, CANCELED)
    # This has three faults: a stale version, a status only for staff, and an illegal transition.
    everything = ChangeStatusCommand(order_id, SHIPPED, owner, None, STALE)
    before = await service.stored.reader.find(order_id)
    with pytest.raises(error):
        await service.change(replace(everything, **changes))  # type: ignore[arg-type]
    assert await service.stored.reader.find(order_id) == before
    assert await waiting(service.stored.outbox) == []
    assert not service.relay_was_notified


async def test_an_order_can_be_changed_without_the_cache() -> None:
    service = Service(cache=UnreachableCache())
    order_id, owner = await an_order(service)
    document = await service.change(ChangeStatusCommand(order_id, PAID, owner))
    assert await service.stored.reader.find(order_id) == document


async def test_a_change_that_lost_a_race_follows_the_other_change(service: Service) -> None:
    order_id, owner = await an_order(service)
    other_changes = [PAID]

    async def meanwhile() -> None:
        if other_changes:
            await move(service.stored, order_id, other_changes.pop())

    change = service.changing(Interrupted(service.stored.storage, meanwhile))
    document = await change(ChangeStatusCommand(order_id, CANCELED, owner))
    order = await order_in(service.stored, order_id)
    assert (order.status, order.version, document.version) == (CANCELED, 3, 3)


async def test_a_change_that_loses_every_race_raises_an_error_and_stores_nothing(
    service: Service,
) -> None:
    order_id, owner = await an_order(service)

    async def meanwhile() -> None:
        raise ConcurrentUpdate

    change = service.changing(Interrupted(service.stored.storage, meanwhile))
    with pytest.raises(ConcurrentUpdate):
        await change(ChangeStatusCommand(order_id, CANCELED, owner))
    assert (await order_in(service.stored, order_id)).status is PENDING
    assert not service.relay_was_notified


async def test_a_retry_after_a_lost_race_sees_the_other_change(
    service: Service,
) -> None:
    order_id, owner = await an_order(service)
    await asyncio.gather(
        service.change(ChangeStatusCommand(order_id, PAID, owner)),
        service.change(ChangeStatusCommand(order_id, PAID, STAFF)),
    )
    order = await order_in(service.stored, order_id)
    assert (order.status, order.version) == (PAID, 2)


async def test_the_second_of_two_changes_of_one_version_is_refused(
    service: Service,
) -> None:
    order_id, owner = await an_order(service)
    answers: list[OrderDocument | BaseException] = await asyncio.gather(
        *(
            service.change(ChangeStatusCommand(order_id, status, owner, None, frozenset({1})))
            for status in (PAID, CANCELED)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, OrderDocument) for answer in answers) == 1
    assert sum(isinstance(answer, VersionConflict) for answer in answers) == 1


async def test_a_transaction_without_a_change_has_no_consequences(service: Service) -> None:
    placed = await service.placed()
    await service.cache.invalidate_all()
    async with service.writes(service.stored.storage).begin() as tx:
        await tx.get(placed.id)
    assert await service.cached(placed.id) is None
    assert not service.relay_was_notified
