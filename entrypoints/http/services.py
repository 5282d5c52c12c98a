"""What the routes drive."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from application.accounts.authenticate import Authenticate
from application.accounts.password_check import Credentials
from application.accounts.read_account import ReadAccount
from application.accounts.register import Registration
from application.documents import OrderDocument
from application.orders.change_status import ChangeStatusCommand
from application.orders.list_orders import ListOrders
from application.orders.place_order import PlacedOrder, PlaceOrderCommand
from application.orders.read_history import ReadHistory
from application.orders.read_order import ReadOrder
from application.ports.accounts import AccessToken, EmailAddresses
from application.ports.limits import Limit, RateLimiter
from application.ports.paging import Cursors
from domain.account import User
from entrypoints.observability.metrics.scrape import Metrics
from entrypoints.observability.readiness import Readiness


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How often somebody may ask for what; None: as often as they like."""

    orders: Limit | None
    register: Limit | None
    default: Limit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases behind the routes, and what the routes themselves need."""

    register: Callable[[Registration], Awaitable[User]]
    log_in: Callable[[Credentials], Awaitable[AccessToken]]
    addresses: EmailAddresses
    authenticate: Authenticate
    read_account: ReadAccount
    create_order: Callable[[PlaceOrderCommand], Awaitable[PlacedOrder]]
    read_order: ReadOrder
    change_status: Callable[[ChangeStatusCommand], Awaitable[OrderDocument]]
    list_orders: ListOrders
    read_history: ReadHistory
    #: The problems of the loops of this process.
    problems: Callable[[], Sequence[str]]
    readiness: Readiness
    metrics: Metrics
    cursors: Cursors
    limiter: RateLimiter
    limits: HttpLimits
    default_currency: str
    trusted_proxies: Sequence[IPv4Network | IPv6Network]
