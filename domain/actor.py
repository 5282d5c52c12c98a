"""Who does something to an order."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import OrderNotFound
from domain.ids import UserId


class Role(StrEnum):
    """What an account is for: shopping, or running the shop."""

    USER = "user"
    STAFF = "staff"


class ActorKind(StrEnum):
    """In which capacity somebody acted."""

    USER = "user"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a user, a member of staff, or the service itself (which has no id)."""

    kind: ActorKind
    id: UserId | None

    @classmethod
    def of_role(cls, user_id: UserId, role: Role) -> "Actor":
        """The owner of an account with this role."""
        return cls(ActorKind(role), user_id)

    @property
    def sees_everything(self) -> bool:
        """Whether other people's orders are visible to this actor."""
        return self.kind is not ActorKind.USER

    def may_see(self, owner: UserId) -> bool:
        """Whether `owner`'s orders are visible to this actor."""
        return self.sees_everything or self.id == owner

    def ensure_may_see(self, owner: UserId) -> None:
        """Refuse to show an order of `owner` that is not visible to this actor.

        Raises:
            OrderNotFound: it is not; an order that does not exist is refused alike.
        """
        if not self.may_see(owner):
            raise OrderNotFound


SYSTEM: Final = Actor(ActorKind.SYSTEM, None)
