"""Store accounts, using asyncpg to run statements that SQLAlchemy compiles only once."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    Integer,
    Text,
    any_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from adapters.postgres.database import Database
from adapters.postgres.tables import users
from application.ports.accounts import Login
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from domain.ids import UserId

_BEFORE_ALL: Final = UUID(int=0)


class _Statement:
    """A compiled statement and the order of its parameters."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]
        self.text = str(compiled)
        self._names: list[str] = compiled.positiontup  # type: ignore[attr-defined]

    def parameters(self, values: dict[str, Any]) -> list[Any]:
        """Return the parameters in the order in which the statement needs them."""
        return [values[name] for name in self._names]


_ADD: Final = _Statement(insert(users))
_SPELLINGS: Final = bindparam("the_spellings", type_=ARRAY(Text))
#: Finds the account for several spellings of an address. The first spelling has priority.
_FOUND: Final = (
    select(users.c.id)
    .where(users.c.email == any_(_SPELLINGS))
    .order_by(func.array_position(_SPELLINGS, users.c.email))
    .limit(literal_column("1"))
    .scalar_subquery()
)
_BY_EMAIL: Final = _Statement(select(users).where(users.c.id == _FOUND))
_BY_ID: Final = _Statement(select(users).where(users.c.id == bindparam("the_id")))
# If a parameter is None, its column isn't changed.
_UPDATE: Final = _Statement(
    update(users)
    .where(users.c.id == _FOUND)
    .values(
        role=func.coalesce(bindparam("new_role", type_=users.c.role.type), users.c.role),
        disabled=func.coalesce(
            bindparam("new_disabled", type_=users.c.disabled.type), users.c.disabled
        ),
        password_hash=func.coalesce(
            bindparam("new_hash", type_=users.c.password_hash.type), users.c.password_hash
        ),
    )
    .returning(users)
)
_PAGE: Final = _Statement(
    select(users)
    .where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("count", type_=Integer))
)
_REHASH: Final = _Statement(
    update(users)
    .where(users.c.id == bindparam("the_id"), users.c.password_hash == bindparam("old_hash"))
    .values(password_hash=bindparam("new_hash"))
)


class PostgresAccounts:
    """`Accounts`, `AccountDirectory` and `PasswordStore` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account, password_hash: str, *older_spellings: str) -> None:
        """Store a new account. It's durable on return.

        Checking for older spellings before the INSERT is enough, because only older releases can
        store them.

        Raises:
            EmailTaken: there is already an account with this address or one of its older spellings.
        """
        if older_spellings and await self.login(*older_spellings):
            raise EmailTaken
        await self._one(
            _ADD,
            id=account.id,
            email=account.email,
            password_hash=password_hash,
            role=account.role,
            disabled=account.disabled,
            created_at=account.created_at,
        )

    async def login(self, *spellings: str) -> Login | None:
        """Return the account with one of these spellings and its password hash, if it exists."""
        row = await self._one(_BY_EMAIL, the_spellings=list(spellings))
        return Login(_account(row), row["password_hash"]) if row else None

    async def find(self, user_id: UserId) -> Account | None:
        """Return the account, or None if it does not exist."""
        row = await self._one(_BY_ID, the_id=user_id)
        return _account(row) if row else None

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> Account | None:
        """Change the given values. Return the updated account, or None if it doesn't exist."""
        row = await self._one(
            _UPDATE,
            the_spellings=list(spellings),
            new_role=role,
            new_disabled=disabled,
            new_hash=password_hash,
        )
        return _account(row) if row else None

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts with ids after `after`, sorted by id."""
        values = {"after": after or _BEFORE_ALL, "count": limit}
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE.text, *_PAGE.parameters(values))
        return [_account(row) for row in rows]

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless it has been replaced in the meantime."""
        await self._one(_REHASH, the_id=user_id, old_hash=old_hash, new_hash=new_hash)

    async def _one(self, statement: _Statement, **values: Any) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchrow(statement.text, *statement.parameters(values))


def _account(row: Any) -> Account:
    return Account(
        id=UserId(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        disabled=row["disabled"],
        created_at=row["created_at"],
    )
