"""Persons with a mark in everything that they wrote, to find what an erasure has left."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from adapters.security.refresh_tokens import RandomRefreshTokens
from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.ports.events import Delivery
from application.ports.idempotency import IdempotencyKey, IdempotencyRecord
from application.ports.sessions import Session
from domain.account import Account
from domain.actor import Actor, ActorKind
from domain.ids import EventId, OrderId, SessionId, UserId
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order
from domain.order.status import OrderStatus
from tests.support.adapters import Adapters
from tests.support.messages import ENCODER
from tests.support.orders import IDS, a_user_id, rendered_write, usd
from tests.support.storage_actions import process, publish
from tests.support.time import NOW

#: Their password is "correct horse", as `PlainPasswords` would hash it.
HASH: Final = "strong:correct horse"
_TOKENS: Final = RandomRefreshTokens(86_400)


@dataclass(frozen=True, slots=True)
class Person:
    """An account whose name occurs in its address, and in all texts that belong to it."""

    name: str
    account: Account

    @property
    def actor(self) -> Actor:
        """The person as an actor."""
        return Actor(ActorKind.USER, self.account.id)

    def lines(self) -> OrderLines:
        """Return lines with a gift message."""
        attributes: dict[str, str | bool] = {"message": f"for {self.name}", "gift": True}
        line = OrderLine("tea", "Green tea", 2, usd("9.90"), attributes)
        return OrderLines((line,), usd("19.80"))


async def a_person(to: Adapters, name: str) -> Person:
    """Open an account with a session."""
    user_id = a_user_id()
    account = Account(id=user_id, email=f"{name}@example.com", created_at=NOW)
    await to.accounts.add(account, HASH)
    assert await begin_session(to, a_session(user_id, f"{name}'s browser"))
    return Person(name, account)


async def begin_session(to: Adapters, session: Session, password_hash: str = HASH) -> bool:
    """Store a session, unless the account has another password hash."""
    return await to.sessions.begin(session, _TOKENS.new(), password_hash)


def a_session(user_id: UserId, user_agent: str = "browser") -> Session:
    """Return a session that has not been stored."""
    return Session(
        id=SessionId(IDS.new(NOW)),
        user_id=user_id,
        created_at=NOW,
        last_used_at=NOW,
        expires_at=NOW + timedelta(days=30),
        tokens_expire_at=NOW + timedelta(days=30_000),
        address="192.0.2.1",
        user_agent=user_agent,
    )


async def buy(to: Adapters, person: Person) -> OrderId:
    """Place an order with a reference, attributes and an idempotency key."""
    order_id = OrderId(IDS.new(NOW))
    reference = f"{person.name} {order_id}"
    change = Order.place(order_id, person.account.id, person.lines(), reference, NOW)
    write = rendered_write(change)
    key = IdempotencyKey(f"key of {reference}", b"fingerprint")
    record = IdempotencyRecord(person.account.id, key, order_id, write.document.body)
    await to.storage.add_once(write, record)
    return order_id


async def cancel(to: Adapters, person: Person, order_id: OrderId) -> None:
    """Cancel an order with a reason."""
    async with to.begin() as tx:
        order = await tx.orders.get(order_id)
        change = order.move_to(OrderStatus.CANCELED, person.actor, f"{person.name} regrets it", NOW)
        await tx.orders.save(rendered_write(change))
        await tx.commit()


async def bury(to: Adapters, person: Person, order_id: OrderId, *, value: bytes = b"") -> None:
    """Make a dead letter of the order's first message, or of one with another value."""
    event = await to.announcements.of(order_id)
    assert event is not None
    message: Delivery = ENCODER.message(event)
    letter = dead_letter_from(
        replace(message, value=value or message.value),
        "new_order",
        f"cannot mail to {person.account.email}",
        5,
        NOW,
        None if value else order_id,
    )
    await to.dead_letters.add(letter, dead_letter_copy(letter, EventId(IDS.new(NOW))))


async def live(to: Adapters, name: str) -> Person:
    """Store data of a person everywhere: published, processed and waiting."""
    person = await a_person(to, name)
    done, canceled, new, dead = [await buy(to, person) for _ in range(4)]
    await publish(to.outbox)
    await process(to, done)
    await publish(to.outbox)
    await cancel(to, person, canceled)
    await to.outbox_admin.replay_order(done)
    await bury(to, person, dead)
    await bury(to, person, new, value=f"no JSON, but {name}".encode())
    await buy(to, person)
    return person
