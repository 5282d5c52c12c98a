"""The floor, which is the bare framework with one simple storage call per request.

It shows how much a request costs without the service's guarantees: there is no authentication, rate
limiting, validation or relay. Its storage is set by `FLOOR_DATABASE_URL` and `FLOOR_REDIS_URL`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from redis.asyncio import Redis

USER: Final = UUID(int=1)
ORDER: Final = UUID(int=2)
_LISTED: Final = 20
_JSON: Final = "application/json"

_TABLES: Final = """
CREATE TABLE floor_orders (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    items json NOT NULL,
    total_price float8 NOT NULL,
    status text NOT NULL DEFAULT 'PENDING',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX floor_orders_of_user ON floor_orders (user_id, id);
CREATE TABLE floor_outbox (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    payload bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
)
"""
_INSERT: Final = """
WITH placed AS (
    INSERT INTO floor_orders (id, user_id, items, total_price) VALUES ($1, $2, $3, 24)
)
INSERT INTO floor_outbox (id, order_id, payload) VALUES ($4, $1, $5)
"""
_SELECT: Final = """
SELECT id, user_id, items, total_price, status, created_at FROM floor_orders
WHERE user_id = $1 ORDER BY id DESC LIMIT 20
"""
_ITEMS: Final = '[{"name":"Green tea","quantity":2,"price":9.95}]'


@post("/orders/")
async def create(request: Request[Any, Any, State]) -> Response[bytes]:
    """Insert an order and its outbox row in a single statement."""
    body = await request.body()
    state = request.app.state
    await state.pool.execute(_INSERT, uuid4(), uuid4(), body.decode(), uuid4(), body)
    return Response(body, media_type=_JSON)


@get("/orders/{order_id:uuid}/")
async def read(state: State, order_id: FromPath[UUID]) -> Response[bytes]:
    """Return bytes from Redis unchanged."""
    return Response(await state.redis.get(f"floor:order:{order_id}"), media_type=_JSON)


@get("/orders/user/{user_id:uuid}/")
async def of_user(state: State, user_id: FromPath[UUID]) -> list[dict[str, Any]]:
    """Select 20 rows using an index."""
    return [dict(row) for row in await state.pool.fetch(_SELECT, user_id)]


@asynccontextmanager
async def _storage(app: Litestar) -> AsyncIterator[None]:
    redis = Redis.from_url(os.environ["FLOOR_REDIS_URL"])
    async with asyncpg.create_pool(os.environ["FLOOR_DATABASE_URL"], max_size=20) as pool:
        await pool.execute(_TABLES)
        for _ in range(_LISTED):
            await pool.execute(_INSERT, uuid4(), USER, _ITEMS, uuid4(), b"{}")
        await redis.set(f"floor:order:{ORDER}", f'{{"id":"{ORDER}","items":{_ITEMS}}}')
        app.state.pool, app.state.redis = pool, redis
        yield
    await redis.aclose()


app = Litestar(
    [create, read, of_user], lifespan=[_storage], openapi_config=None, logging_config=None
)
