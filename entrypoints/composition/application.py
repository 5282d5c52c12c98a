"""The use cases, over ports."""

from datetime import timedelta
from time import monotonic
from typing import Final

from dishka import Provider, Scope, provide

from application.account_standings import RecentStandings
from application.authenticate import Authenticate
from application.bury_message import BuryMessage
from application.bury_order import BuryOrder
from application.cache_updates import UpdateCache
from application.change_account import DisableAccount, EnableAccount, GrantRole
from application.change_order_status import ChangeOrderStatus
from application.create_order import CreateOrder
from application.list_accounts import ListAccounts
from application.list_orders import ListOrders
from application.log_in import LogIn
from application.login_limits import LoginLimits
from application.pay_cache_debts import PayCacheDebts
from application.ports.accounts import Accounts, AccountStandings
from application.ports.cache_debts import CacheDebts
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.process_order import ProcessOrder
from application.read_account import ReadAccount
from application.read_history import ReadHistory
from application.read_order import ReadOrder
from application.register_user import RegisterUser
from application.relay_outbox import RelayOutbox
from application.replay_dead_letters import ReplayDeadLetters
from application.requeue_stalled import RequeueStalledOrders
from application.retention import Retention
from application.set_password import SetPassword
from application.write_order import OrderWriter
from domain.policy import StatusPolicy
from entrypoints.settings import Settings

#: How much longer a debt to the cache is kept than an entry lives.
_CACHE_MARGIN: Final = timedelta(minutes=1)


class ApplicationProvider(Provider):
    """Every use case; all live as long as the process, as none keeps anything of a request."""

    scope = Scope.APP

    writer = provide(OrderWriter)
    create_order = provide(CreateOrder)
    read_order = provide(ReadOrder)
    change_status = provide(ChangeOrderStatus)
    list_orders = provide(ListOrders)
    read_history = provide(ReadHistory)
    process_order = provide(ProcessOrder)
    update_cache = provide(UpdateCache)
    relay_outbox = provide(RelayOutbox)
    requeue_stalled = provide(RequeueStalledOrders)
    bury_message = provide(BuryMessage)
    bury_order = provide(BuryOrder)
    replay_dead_letters = provide(ReplayDeadLetters)
    retention = provide(Retention)
    register = provide(RegisterUser)
    log_in = provide(LogIn)
    authenticate = provide(Authenticate)
    read_account = provide(ReadAccount)
    grant_role = provide(GrantRole)
    disable = provide(DisableAccount)
    enable = provide(EnableAccount)
    set_password = provide(SetPassword)
    list_accounts = provide(ListAccounts)

    @provide
    def policy(self, settings: Settings) -> StatusPolicy:
        """The status policy that the settings choose."""
        return settings.status_policy

    @provide
    def pay_debts(
        self, debts: CacheDebts, cache: OrderCache, update_cache: UpdateCache, settings: Settings
    ) -> PayCacheDebts:
        """The payment of debts to the cache, for as long as an entry can be stale."""
        lifetime = timedelta(seconds=settings.cache_ttl) + _CACHE_MARGIN
        return PayCacheDebts(debts, cache, update_cache, lifetime)

    @provide
    def login_limits(self, limiter: RateLimiter, settings: Settings) -> LoginLimits:
        """The limits on failed logins."""
        return LoginLimits(limiter, settings.rate_limit_login)

    @provide
    def standings(self, accounts: Accounts) -> AccountStandings:
        """Accounts as they stood at most a second ago."""
        return RecentStandings(accounts, monotonic)
