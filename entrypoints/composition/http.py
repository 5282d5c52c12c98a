"""What the routes drive, put together."""

from dishka import AsyncContainer

from application.accounts.authenticate import Authenticate
from application.accounts.log_in import LogIn
from application.accounts.read_account import ReadAccount
from application.accounts.register import RegisterUser
from application.orders.change_status import ChangeStatus
from application.orders.conflict_retry import retrying
from application.orders.list_orders import ListOrders
from application.orders.place_order import PlaceOrder
from application.orders.read_history import ReadHistory
from application.orders.read_order import ReadOrder
from application.ports.accounts import EmailAddresses
from application.ports.limits import RateLimiter
from application.ports.paging import Cursors
from entrypoints.http.services import HttpLimits, Services
from entrypoints.observability.metrics.scrape import Metrics
from entrypoints.observability.readiness import Readiness
from entrypoints.processes.supervisor import Supervisor
from entrypoints.settings import Settings


async def http_services(container: AsyncContainer) -> Services:
    """The services of the API."""
    settings = await container.get(Settings)
    return Services(
        register=await container.get(RegisterUser),
        log_in=await container.get(LogIn),
        addresses=await container.get(EmailAddresses),
        authenticate=await container.get(Authenticate),
        read_account=await container.get(ReadAccount),
        create_order=await container.get(PlaceOrder),
        read_order=await container.get(ReadOrder),
        change_status=retrying(await container.get(ChangeStatus)),
        list_orders=await container.get(ListOrders),
        read_history=await container.get(ReadHistory),
        problems=(await container.get(Supervisor)).problems,
        readiness=await container.get(Readiness),
        metrics=await container.get(Metrics),
        cursors=await container.get(Cursors),
        limiter=await container.get(RateLimiter),
        limits=HttpLimits(
            settings.rate_limit_orders, settings.rate_limit_register, settings.rate_limit_default
        ),
        default_currency=settings.default_currency,
        trusted_proxies=settings.trusted_proxies,
    )
