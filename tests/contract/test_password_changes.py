from datetime import timedelta

from application.ports.accounts import Login
from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.persons import HASH, Person, a_person, a_session, begin_session
from tests.support.time import NOW


async def sessions(to: Adapters, person: Person) -> list[object]:
    return list(await to.session_admin.of_user(person.account.id, NOW))


async def test_a_changed_password_ends_the_other_sessions_and_returns_them(
    adapters: Adapters,
) -> None:
    ada, bob = await a_person(adapters, "ada"), await a_person(adapters, "bob")
    first, his = await sessions(adapters, ada), await sessions(adapters, bob)
    own = a_session(ada.account.id)
    assert await begin_session(adapters, own)
    assert await adapters.passwords.change(ada.account.id, HASH, "new", own.id) == first
    assert await sessions(adapters, ada) == [own]
    assert await sessions(adapters, bob) == his
    assert await adapters.accounts.login(ada.account.email) == Login(ada.account, "new")
    page = await adapters.access_changes.read(0, NOW - timedelta(days=1))
    assert [change.subject for _, change in page.changes] == [each.id for each in first]  # type: ignore[attr-defined]


async def test_a_change_without_a_session_ends_all_of_them(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    ended = await adapters.passwords.change(ada.account.id, HASH, "new", None)
    assert ended is not None
    assert len(ended) == 1
    assert await sessions(adapters, ada) == []


async def test_a_change_from_another_hash_changes_nothing(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    before = await sessions(adapters, ada)
    assert await adapters.passwords.change(ada.account.id, "other", "new", None) is None
    assert await adapters.passwords.change(a_user_id(), HASH, "new", None) is None
    assert await sessions(adapters, ada) == before
    assert await adapters.accounts.login(ada.account.email) == Login(ada.account, HASH)


async def test_the_password_of_a_disabled_account_is_not_changed(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await adapters.accounts.update(ada.account.email, disabled=True)
    assert await adapters.passwords.change(ada.account.id, HASH, "new", None) is None


async def test_a_login_with_the_old_hash_begins_no_session(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await adapters.passwords.change(ada.account.id, HASH, "new", None)
    assert not await begin_session(adapters, a_session(ada.account.id))
    assert await sessions(adapters, ada) == []
