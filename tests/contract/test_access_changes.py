from datetime import datetime
from uuid import UUID

from application.ports.access_changes import AccessChange, AccessChangeKind
from domain.actor import Role
from tests.contract.test_sessions import an_account
from tests.support.adapters import Adapters
from tests.support.orders import IDS
from tests.support.time import HOUR, NOW


def a_change(expires_at: datetime = NOW + HOUR) -> AccessChange:
    return AccessChange(AccessChangeKind.TOKEN, IDS.new(NOW), expires_at)


async def subjects(adapters: Adapters, position: int = 0) -> list[UUID]:
    page = await adapters.access_changes.read(position, NOW)
    return [change.subject for _, change in page.changes]


async def test_the_feed_starts_empty(adapters: Adapters) -> None:
    assert await subjects(adapters) == []


async def test_changes_are_returned_as_they_were_added(adapters: Adapters) -> None:
    changes = [a_change() for _ in range(3)]
    for change in changes:
        await adapters.access_changes.add(change)
    page = await adapters.access_changes.read(0, NOW)
    assert {change for _, change in page.changes} == set(changes)
    assert len({number for number, _ in page.changes}) == 3


async def test_a_page_continues_at_its_position(adapters: Adapters) -> None:
    await adapters.access_changes.add(a_change())
    first = await adapters.access_changes.read(0, NOW)
    later = a_change()
    await adapters.access_changes.add(later)
    second = await adapters.access_changes.read(first.position, NOW)
    seen = {number for number, _ in first.changes}
    assert [change for number, change in second.changes if number not in seen] == [later]
    assert second.position >= first.position


async def test_obsolete_changes_are_not_returned(adapters: Adapters) -> None:
    await adapters.access_changes.add(a_change(expires_at=NOW))
    assert await subjects(adapters) == []


async def test_changes_of_an_account_are_added(adapters: Adapters) -> None:
    account = await an_account(adapters)
    position = (await adapters.access_changes.read(0, NOW)).position
    await adapters.accounts.update(account.email, role=Role.STAFF)
    assert await subjects(adapters, position) == [account.id]
    await adapters.accounts.update(account.email, disabled=True)
    assert set(await subjects(adapters, position)) == {account.id}


async def test_a_change_that_changes_nothing_is_not_added(adapters: Adapters) -> None:
    account = await an_account(adapters)
    await adapters.accounts.update(account.email, role=account.role, disabled=account.disabled)
    await adapters.passwords.rehash(account.id, "hash", "better hash")
    assert await subjects(adapters) == []
