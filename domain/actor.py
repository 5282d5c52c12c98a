"""Actors: users, staff and the service itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import OrderNotFound
from domain.ids import UserId


class Role(StrEnum):
    """The role of an account: a customer or a member of staff."""

    USER = "user"
    STAFF = "staff"


class ActorKind(StrEnum):
    """The kind of an actor."""

    USER = "user"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, a member of staff, or the service itself, which has no id."""

    kind: ActorKind
    id: UserId | None

    @classmethod
    def of_role(cls, user_id: UserId, role: Role) -> "Actor":
        """Return the owner of an account with this role."""
        return cls(ActorKind(role), user_id)

    @property
    def sees_everything(self) -> bool:
        """Whether the orders of all users are visible to this actor."""
        return self.kind is not ActorKind.USER

    def may_see(self, owner: UserId) -> bool:
        """Return whether the orders of `owner` are visible to this actor."""
        return self.sees_everything or self.id == owner

    def ensure_may_see(self, owner: UserId) -> None:
        """Raise if the orders of `owner` are not visible to this actor.

        Raises:
            OrderNotFound: they are not. The error is the same as for an order that does not exist.
        """
        if not self.may_see(owner):
            raise OrderNotFound


SYSTEM: Final = Actor(ActorKind.SYSTEM, None)
