"""The use cases on one storage. Each call of a port is a point for an interruption."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from adapters.memory.access_state import FollowedAccess
from adapters.memory.authentication_log import MemoryAuthenticationLog
from adapters.memory.limits import MemoryRateLimiter
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.security.refresh_tokens import RandomRefreshTokens
from application.accounts.authenticate import Authenticate
from application.accounts.ended_sessions import EndedSessions
from application.accounts.log_in import LogIn
from application.accounts.login_attempts import LoginAttempts
from application.accounts.login_limits import LoginLimits
from application.accounts.password_check import PasswordCheck
from application.accounts.refresh_session import RefreshSession
from application.accounts.register import RegisterUser
from application.accounts.session_tokens import SessionTokenFactory
from application.accounts.sessions import EndSession
from application.accounts.set_password import SetPassword
from application.delivery.audit_orders import AuditOrders
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.hand_over_order import HandOverOrder
from application.delivery.refresh_cache import RefreshCache
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.delivery.settle_cache_debts import SettleCacheDebts
from application.delivery.topics import NEW_ORDER
from application.orders.change_status import ChangeStatus
from application.orders.order_writes import OrderWrites
from application.orders.place_order import PlaceOrder
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.process_order import ProcessOrder
from application.orders.read_order import ReadOrder
from application.ports.authentication_log import AuthenticationLog
from application.ports.leases import Holder
from application.ports.sessions import RefreshTokens
from domain.order.policy import StatusPolicy
from entrypoints.messaging.consumer import Consumer
from tests.model.interruptions import Points, interruptible
from tests.model.surroundings import CACHE_TTL_SECONDS, Queue, SharedCache, Shop, Topic
from tests.support.accounts import PlainPasswords, PlainTokens
from tests.support.adapters import Adapters
from tests.support.messages import ENCODER
from tests.support.orders import CHANGE_RENDERER, IDS
from tests.support.outside_user import outside_users
from tests.support.time import MovableClock

T = TypeVar("T")

ACCESS_TTL: Final = timedelta(minutes=10)
REFRESH_TTL: Final = timedelta(hours=12)
#: The number of API processes.
PROCESSES: Final = 2
#: Fields of `Adapters` that the use cases don't use.
_FOR_TESTS: Final = {"stored_facts", "pass_time"}
#: The audit must not report any order because of its age.
_STUCK_AFTER: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """The use cases for sessions in one process, which has its own view of the feed."""

    authenticate: Authenticate
    refresh: RefreshSession
    end_session: EndSession


class System:
    """All use cases in the model, and the surroundings in which their processes run.

    `stored` is the storage without interruptions. To add a use case, create it here, and add its
    rule to a `*_rules` module.
    """

    def __init__(self, stored: Adapters, policy: StatusPolicy) -> None:
        self.stored, self.policy = stored, policy
        self.points = Points()
        # PostgreSQL compares some of the service's times with its own clock.
        self.clock = MovableClock(datetime.now(UTC))
        self.cache = SharedCache(self.clock)
        self.topic, self.queue, self.shop = Topic(), Queue(), Shop()
        self._ports = self._interruptible_adapters()
        self._wakeup = self._interruptible(MemoryRelayWakeup())
        self._add_account_use_cases()
        self._add_order_use_cases()
        self._add_delivery_use_cases()

    async def pass_time(self, seconds: float) -> None:
        """Advance the clocks of the storage and of the processes."""
        await self.stored.pass_time(seconds)
        await self.clock.advance(seconds)

    def _add_account_use_cases(self) -> None:
        accounts, passwords, log = self._ports.accounts, PlainPasswords(), MemoryAuthenticationLog()
        self.register = RegisterUser(accounts, passwords, self.clock, IDS)
        self.set_password = SetPassword(accounts, passwords)
        self.access_tokens = PlainTokens(int(ACCESS_TTL.total_seconds()))
        refresh_tokens = RandomRefreshTokens(int(REFRESH_TTL.total_seconds()))
        factory = SessionTokenFactory(self.access_tokens, refresh_tokens, self.clock, IDS)
        attempts = LoginAttempts(LoginLimits(MemoryRateLimiter(), None), log)
        check = PasswordCheck(accounts, self._ports.passwords, passwords, attempts)
        self.log_in = LogIn(check, self._ports.sessions, factory, log)
        self.api = [self._new_api(refresh_tokens, factory, log) for _ in range(PROCESSES)]

    def _new_api(
        self, tokens: RefreshTokens, factory: SessionTokenFactory, log: AuthenticationLog
    ) -> ApiProcess:
        access = FollowedAccess(
            self.stored.access_changes, self.stored.accounts, self.clock, self.clock.monotonic
        )
        ended = EndedSessions(access, log)
        return ApiProcess(
            Authenticate(
                self.access_tokens,
                outside_users(self.access_tokens, self.stored),
                access,
                self.clock,
            ),
            RefreshSession(self._ports.sessions, tokens, factory, ended),
            EndSession(self._ports.session_admin, ended),
        )

    def _add_order_use_cases(self) -> None:
        cache = self._interruptible(self.cache)
        writes = OrderWrites(self._ports.storage, CHANGE_RENDERER, cache, self._wakeup)
        self.place = PlaceOrder(writes, self.clock, IDS)
        self.place_once = PlaceOrderOnce(writes, self.clock, IDS)
        self.change = ChangeStatus(writes, self.policy, self.clock)
        self.read = ReadOrder(cache, self._ports.reader)
        self.process = ProcessOrder(writes, self._interruptible(self.shop), self.clock)

    def _add_delivery_use_cases(self) -> None:
        dead_letters = self._ports.dead_letters
        dead_letter = DeadLetterMessage(dead_letters, self._wakeup, self.clock, IDS)
        self.dead_letter_order = DeadLetterOrder(self._ports.announcements, ENCODER, dead_letter)
        self.replay_dead_letters = ReplayDeadLetters(dead_letters, self._wakeup, self.clock, IDS)
        self.replay_events = ReplayEvents(self._ports.outbox_admin, self._wakeup)
        hand_over = HandOverOrder(self._interruptible(self.queue))
        self._consumer = Consumer(NEW_ORDER, hand_over, self._ports.known, dead_letter, 200)
        self.audit = AuditOrders(self.stored.audit, self.clock, _STUCK_AFTER)

    async def consume(self) -> None:
        """Consume all messages in the topic. Raises `EndOfLog` when there are no more."""
        await self._consumer.run(self._interruptible(self.topic))

    def new_relay(self) -> RelayOutbox:
        """Return a relay in a new process."""
        cache = self._interruptible(self.cache)
        refresh = RefreshCache(self._ports.reader, cache)
        lifetime = timedelta(seconds=CACHE_TTL_SECONDS)
        settle = SettleCacheDebts(self._ports.cache_debts, cache, refresh, lifetime)
        return RelayOutbox(self._ports.outbox, self._interruptible(self.topic), cache, settle)

    def new_requeuer(self) -> RequeueStalledOrders:
        """Return a requeuer in a new process."""
        queue, holder = self._interruptible(self.queue), Holder("requeuer")
        return RequeueStalledOrders(self._ports.unprocessed, queue, self._ports.leases, holder)

    def _interruptible(self, port: T) -> T:
        return interruptible(port, self.points)

    def _interruptible_adapters(self) -> Adapters:
        names = [each.name for each in fields(Adapters) if each.name not in _FOR_TESTS]
        ports = {name: self._interruptible(getattr(self.stored, name)) for name in names}
        return replace(self.stored, **ports)
