import asyncio

from tests.support.adapters import Adapters

TTL = 3_600.0


async def test_lease_has_one_holder_at_a_time(adapters: Adapters) -> None:
    assert await adapters.leases.acquire("work", "one", TTL)
    assert not await adapters.leases.acquire("work", "two", TTL)


async def test_leases_of_other_names_are_independent(adapters: Adapters) -> None:
    assert await adapters.leases.acquire("work", "one", TTL)
    assert await adapters.leases.acquire("other work", "two", TTL)


async def test_one_of_many_concurrent_holders_gets_the_lease(adapters: Adapters) -> None:
    attempts = (adapters.leases.acquire("work", str(number), TTL) for number in range(8))
    assert sorted(await asyncio.gather(*attempts)) == [False] * 7 + [True]


async def test_lease_ends_by_itself(adapters: Adapters) -> None:
    await adapters.leases.acquire("work", "one", TTL)
    await adapters.pass_time(TTL + 1)
    assert await adapters.leases.acquire("work", "two", TTL)
    assert not await adapters.leases.acquire("work", "one", TTL)


async def test_holder_renews_its_lease(adapters: Adapters) -> None:
    for _ in range(3):
        assert await adapters.leases.acquire("work", "one", TTL)
        await adapters.pass_time(TTL / 2)
    assert not await adapters.leases.acquire("work", "two", TTL)


async def test_renewal_may_shorten_a_lease(adapters: Adapters) -> None:
    await adapters.leases.acquire("work", "one", 10 * TTL)
    await adapters.leases.acquire("work", "one", TTL)
    await adapters.pass_time(TTL + 1)
    assert await adapters.leases.acquire("work", "two", TTL)


async def test_expired_lease_is_renewed_while_no_other_holder_has_it(adapters: Adapters) -> None:
    await adapters.leases.acquire("work", "one", TTL)
    await adapters.pass_time(TTL + 1)
    assert await adapters.leases.acquire("work", "one", TTL)


async def test_released_lease_is_free(adapters: Adapters) -> None:
    await adapters.leases.acquire("work", "one", TTL)
    await adapters.leases.release("work", "one")
    assert await adapters.leases.acquire("work", "two", TTL)


async def test_release_of_another_holders_lease_changes_nothing(adapters: Adapters) -> None:
    await adapters.leases.release("work", "two")
    await adapters.leases.acquire("work", "one", TTL)
    await adapters.leases.release("work", "two")
    assert not await adapters.leases.acquire("work", "two", TTL)
