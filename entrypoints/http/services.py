"""What the routes drive."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from application.authenticate import Authenticate
from application.change_order_status import ChangeStatus
from application.create_order import PlacedOrder, PlaceOrder
from application.documents import OrderDocument
from application.list_orders import ListOrders
from application.log_in import Credentials
from application.ports.accounts import AccessToken, EmailAddresses
from application.ports.limits import Limit, RateLimiter
from application.ports.paging import Cursors
from application.read_account import ReadAccount
from application.read_history import ReadHistory
from application.read_order import ReadOrder
from application.register_user import Registration
from domain.user import User
from entrypoints.metrics.scrape import Metrics
from entrypoints.readiness import Readiness


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
    create_order: Callable[[PlaceOrder], Awaitable[PlacedOrder]]
    read_order: ReadOrder
    change_status: Callable[[ChangeStatus], Awaitable[OrderDocument]]
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
