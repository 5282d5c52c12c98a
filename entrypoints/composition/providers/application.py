"""The use cases."""

from datetime import timedelta
from typing import Final

from dishka import Provider, Scope, provide

from application.accounts.authenticate import Authenticate
from application.accounts.change_account import DisableAccount, EnableAccount, GrantRole
from application.accounts.change_password import ChangePassword
from application.accounts.close_account import CloseAccount
from application.accounts.continue_erasures import ContinueErasures
from application.accounts.ended_sessions import EndedSessions
from application.accounts.erase_account import EraseAccount
from application.accounts.erase_personal_data import ErasePersonalData
from application.accounts.export_account import ExportAccount
from application.accounts.list_accounts import ListAccounts
from application.accounts.log_in import LogIn
from application.accounts.login_attempts import LoginAttempts
from application.accounts.login_limits import LoginLimits
from application.accounts.outside_user import CreateOutsideUser, IdentifyOutsideUser
from application.accounts.password_check import PasswordCheck
from application.accounts.password_confirmation import PasswordConfirmation
from application.accounts.read_account import ReadAccount
from application.accounts.refresh_session import RefreshSession
from application.accounts.register import RegisterUser
from application.accounts.revoke_token import RevokeAccessToken, RevokeToken
from application.accounts.session_tokens import SessionTokenFactory
from application.accounts.sessions import (
    EndSession,
    EndSessionsByEmail,
    EndSessionsOf,
    ListSessions,
)
from application.accounts.set_password import SetPassword
from application.accounts.verify_access_token import VerifyAccessToken
from application.clients.client_attempts import ClientAttempts
from application.clients.create_client import CreateClient
from application.clients.issue_client_token import IssueClientToken
from application.clients.list_clients import ListClients
from application.clients.revoke_client import RevokeClient
from application.delivery.audit_broker import AuditBroker
from application.delivery.audit_orders import AuditOrders
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.list_dead_letters import ListDeadLetters
from application.delivery.process_once import ProcessOnce
from application.delivery.purge import PurgeExpired
from application.delivery.read_outbox_state import ReadOutboxState
from application.delivery.refresh_cache import RefreshCache
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.delivery.settle_cache_debts import SettleCacheDebts
from application.orders.change_status import ChangeStatus
from application.orders.list_orders import ListOrders
from application.orders.order_writes import OrderWrites
from application.orders.place_order import PlaceOrder
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.process_order import ProcessOrder
from application.orders.read_history import ReadHistory
from application.orders.read_order import ReadOrder
from application.ports.audit import AuditReader
from application.ports.cache_debts import CacheDebts
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.ports.system import Clock
from domain.order.policy import StatusPolicy
from entrypoints.settings import Settings

#: How much longer a cache debt is kept than a cache entry.
_CACHE_MARGIN: Final = timedelta(minutes=1)


class ApplicationProvider(Provider):
    """Every use case. There is one of each per process, because they don't keep request state."""

    scope = Scope.APP

    order_writes = provide(OrderWrites)
    create_order = provide(PlaceOrder)
    create_order_once = provide(PlaceOrderOnce)
    read_order = provide(ReadOrder)
    change_status = provide(ChangeStatus)
    list_orders = provide(ListOrders)
    read_history = provide(ReadHistory)
    process_order = provide(ProcessOrder)
    update_cache = provide(RefreshCache)
    relay_outbox = provide(RelayOutbox)
    requeue_stalled = provide(RequeueStalledOrders)
    dead_letter_message = provide(DeadLetterMessage)
    dead_letter_order = provide(DeadLetterOrder)
    process_once = provide(ProcessOnce)
    replay_dead_letters = provide(ReplayDeadLetters)
    list_dead_letters = provide(ListDeadLetters)
    read_outbox_state = provide(ReadOutboxState)
    replay_events = provide(ReplayEvents)
    retention = provide(PurgeExpired)
    audit_broker = provide(AuditBroker)
    register = provide(RegisterUser)
    login_attempts = provide(LoginAttempts)
    password_check = provide(PasswordCheck)
    log_in = provide(LogIn)
    session_tokens = provide(SessionTokenFactory)
    ended_sessions = provide(EndedSessions)
    refresh_session = provide(RefreshSession)
    revoke_access_token = provide(RevokeAccessToken)
    revoke_token = provide(RevokeToken)
    list_sessions = provide(ListSessions)
    end_session = provide(EndSession)
    end_sessions_of = provide(EndSessionsOf)
    end_sessions_by_email = provide(EndSessionsByEmail)
    create_outside_user = provide(CreateOutsideUser)
    identify_outside_user = provide(IdentifyOutsideUser)
    verify_access_token = provide(VerifyAccessToken)
    authenticate = provide(Authenticate)
    read_account = provide(ReadAccount)
    password_confirmation = provide(PasswordConfirmation)
    change_password = provide(ChangePassword)
    close_account = provide(CloseAccount)
    erase_personal_data = provide(ErasePersonalData)
    erase_account = provide(EraseAccount)
    continue_erasures = provide(ContinueErasures)
    export_account = provide(ExportAccount)
    grant_role = provide(GrantRole)
    disable = provide(DisableAccount)
    enable = provide(EnableAccount)
    set_password = provide(SetPassword)
    list_accounts = provide(ListAccounts)
    client_attempts = provide(ClientAttempts)
    create_client = provide(CreateClient)
    list_clients = provide(ListClients)
    revoke_client = provide(RevokeClient)
    issue_client_token = provide(IssueClientToken)

    @provide
    def audit(self, reader: AuditReader, clock: Clock, settings: Settings) -> AuditOrders:
        """The audit, with the age at which an unprocessed order counts as stuck."""
        return AuditOrders(reader, clock, settings.stuck_after)

    @provide
    def policy(self, settings: Settings) -> StatusPolicy:
        """The status policy from the settings."""
        return settings.status_policy

    @provide
    def pay_debts(
        self, debts: CacheDebts, cache: OrderCache, update_cache: RefreshCache, settings: Settings
    ) -> SettleCacheDebts:
        """Settles cache debts for as long as a cache entry can be stale."""
        lifetime = timedelta(seconds=settings.cache_ttl) + _CACHE_MARGIN
        return SettleCacheDebts(debts, cache, update_cache, lifetime)

    @provide
    def login_limits(self, limiter: RateLimiter, settings: Settings) -> LoginLimits:
        """The limits on failed logins."""
        return LoginLimits(limiter, settings.rate_limit_login)
