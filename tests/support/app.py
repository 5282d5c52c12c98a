"""Run the whole API in this process, with the test's adapters, and call it without a socket."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import anyio.from_thread
import httpx
from anyio.from_thread import BlockingPortal
from dishka import AsyncContainer, Provider, Scope, provide

from adapters.postgres.database import Database
from adapters.security.keys import SigningKeys
from application.orders.process_order import ProcessOrder
from application.ports.accounts import PasswordHasher
from domain.ids import OrderId
from entrypoints.composition.container import make_container
from entrypoints.http.app import api, routing
from entrypoints.settings import load_settings
from tests.support.accounts import PlainPasswords

KEY = "a key of thirty-two bytes or more"
KEYS = SigningKeys(KEY.encode())
UNLIMITED = {
    "RATE_LIMIT_ORDERS": "off",
    "RATE_LIMIT_LOGIN": "off",
    "RATE_LIMIT_REGISTER": "off",
    "RATE_LIMIT_DEFAULT": "off",
    "PROCESSING_DELAY": "0",
}


def at(database_url: str) -> dict[str, str]:
    """Return settings for a process that uses this database and signs tokens with `KEYS`."""
    return {"DATABASE_URL": database_url, "JWT_SECRET_KEY": KEY}


class NowhereProvider(Provider):
    """Provide connections to a missing PostgreSQL, for objects that never open them."""

    scope = Scope.APP

    @provide
    def database(self) -> Database:
        return Database("postgresql://nobody@127.0.0.1:1/orders", pool_size=2)


class PlainPasswordsProvider(Provider):
    """Provide passwords that aren't hashed."""

    scope = Scope.APP

    @provide
    def passwords(self) -> PasswordHasher:
        return PlainPasswords()


@dataclass(frozen=True, slots=True)
class App:
    """The API and its dependency container."""

    client: httpx.AsyncClient
    container: AsyncContainer


@asynccontextmanager
async def running_app(
    database_url: str, *overrides: Provider, **settings: str
) -> AsyncIterator[App]:
    """Run only the API, on PostgreSQL or on the storage from `overrides`."""
    given = load_settings(UNLIMITED | at(database_url) | settings)
    container = make_container(given, PlainPasswordsProvider(), *overrides)
    app = api(nullcontext(container), given)
    async with calling_app(app) as client:
        yield App(client, container)
    await container.close()


@asynccontextmanager
async def calling_app(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Start an ASGI application and call it without a socket."""
    async with _started(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def opened_api(container: AsyncContainer) -> None:
    """Start the routes with a container. It must provide everything that they need."""
    async with routing(nullcontext(container)).lifespan():
        pass


@asynccontextmanager
async def _started(app: Any) -> AsyncIterator[None]:
    """Run the application's ASGI lifespan: startup before the block, shutdown after it."""
    said: list[str] = []
    to_app = anyio.create_memory_object_stream[dict[str, str]](2)
    from_app = anyio.create_memory_object_stream[dict[str, str]](2)
    with to_app[0], to_app[1], from_app[0], from_app[1]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                app, {"type": "lifespan", "asgi": {}}, to_app[1].receive, from_app[0].send
            )
            for phase in ("startup", "shutdown"):
                await to_app[0].send({"type": f"lifespan.{phase}"})
                said.append((await from_app[1].receive())["type"])
                if phase == "startup":
                    yield
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


class Caller:
    """Call the API from a thread that doesn't have an event loop."""

    def __init__(self, portal: BlockingPortal, app: App) -> None:
        self._portal = portal
        self._app = app

    def __call__(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            return await self._app.client.request(method, path, **arguments)

        return self._portal.call(send)

    def process(self, order_id: str) -> None:
        """Process an order like the worker does."""

        async def work() -> None:
            process_order = await self._app.container.get(ProcessOrder)
            await process_order(OrderId(UUID(order_id)))

        self._portal.call(work)


@contextmanager
def calling(database_url: str, *overrides: Provider) -> Iterator[Caller]:
    """Run the API for tests that aren't async."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_app(database_url, *overrides)) as app,
    ):
        yield Caller(portal, app)
