"""Actors: users, staff, machine clients and the service itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import OrderHidden
from domain.ids import ClientId, UserId


class Role(StrEnum):
    """The role of an account: a customer or a member of staff."""

    USER = "user"
    STAFF = "staff"


class ActorKind(StrEnum):
    """The kind of an actor."""

    USER = "user"
    STAFF = "staff"
    SERVICE = "service"  # a machine client, such as a payment service
    SYSTEM = "system"


#: Looking a kind up is faster than converting the role.
_KINDS: Final = {role: ActorKind(role) for role in Role}


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, a member of staff, a machine client, or the service itself.

    `id` is None for the service itself.
    """

    kind: ActorKind
    id: UserId | ClientId | None

    @classmethod
    def of_role(cls, user_id: UserId, role: Role) -> "Actor":
        """Return the actor for an account with this role."""
        return cls(_KINDS[role], user_id)

    @property
    def user_id(self) -> UserId | None:
        """The id of the actor's account, or None if it does not have one."""
        if self.id is None or self.kind not in {ActorKind.USER, ActorKind.STAFF}:
            return None
        return UserId(self.id)

    @property
    def sees_everything(self) -> bool:
        """Whether this actor can see every user's orders."""
        return self.kind is not ActorKind.USER

    def may_see(self, owner: UserId) -> bool:
        """Return whether this actor can see orders that belong to `owner`."""
        return self.sees_everything or self.id == owner

    def ensure_may_see(self, owner: UserId) -> None:
        """Raise an error unless this actor can see orders that belong to `owner`.

        Raises:
            OrderHidden: the actor can't see them. For callers this is the same error as for a
                missing order, to avoid revealing that the order exists.
        """
        if not self.may_see(owner):
            raise OrderHidden


SYSTEM: Final = Actor(ActorKind.SYSTEM, None)
