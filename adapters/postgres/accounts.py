"""Accounts."""

from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from adapters.postgres.database import Database
from adapters.postgres.tables import users
from application.ports.accounts import Login
from domain.actor import Role
from domain.ids import UserId
from domain.user import User


class PostgresAccounts:
    """`Accounts` and `PasswordStore` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, password_hash: str) -> None:
        """Store a new account; return when it is durable."""
        row = {
            "id": user.id,
            "email": user.email,
            "password_hash": password_hash,
            "role": user.role,
            "disabled": user.disabled,
            "created_at": user.created_at,
        }
        async with self._database.connection() as connection:
            await connection.execute(insert(users), row)
            await connection.commit()

    async def login(self, email: str) -> Login | None:
        """The account with this address, or None."""
        row = await self._one(users.c.email == email)
        return Login(_user(row), row["password_hash"]) if row else None

    async def find(self, user_id: UserId) -> User | None:
        """The account, or None."""
        row = await self._one(users.c.id == user_id)
        return _user(row) if row else None

    async def update(
        self, email: str, *, role: Role | None = None, disabled: bool | None = None
    ) -> User | None:
        """Change what is given; the account as it is then, or None where there is none."""
        changes = {
            name: value
            for name, value in {"role": role, "disabled": disabled}.items()
            if value is not None
        }
        statement = update(users).where(users.c.email == email).values(**changes).returning(users)
        async with self._database.connection() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
            await connection.commit()
        return _user(row) if row else None

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless another has replaced it meanwhile."""
        statement = (
            update(users)
            .where(users.c.id == user_id, users.c.password_hash == old_hash)
            .values(password_hash=new_hash)
        )
        async with self._database.connection() as connection:
            await connection.execute(statement)
            await connection.commit()

    async def _one(self, condition: Any) -> RowMapping | None:
        async with self._database.connection() as connection:
            found = await connection.execute(select(users).where(condition))
            return found.mappings().one_or_none()


def _user(row: RowMapping) -> User:
    return User(
        id=UserId(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        disabled=row["disabled"],
        created_at=row["created_at"],
    )
