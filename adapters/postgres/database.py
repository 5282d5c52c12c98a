"""One pool of connections, and the translation of PostgreSQL's failures into the service's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from application.errors import Unavailable
from application.patience import FOR_STORAGE, storage_deadline
from domain.errors import EmailTaken, OrderServiceError, ReferenceTaken

#: Seconds that whoever asks outside of a request waits for PostgreSQL, unless they say otherwise.
PATIENCE: Final = 5.0
#: Seconds until a connection stands, or is given up while its request can still be told.
_CONNECT_TIMEOUT: Final = FOR_STORAGE - 0.2
#: Seconds that PostgreSQL has to answer to a goodbye.
_FAREWELL: Final = 0.1

#: What a broken rule means, by the name of the constraint that was broken.
_MEANING: Final[dict[str, type[OrderServiceError]]] = {
    "users_email_unique": EmailTaken,
    "orders_reference_unique": ReferenceTaken,
}

_OUT_OF_REACH: Final = (
    OSError,
    TimeoutError,
    PoolTimeout,
    DisconnectionError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, canceled by an operator
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,  # the operator's to put right, as is
    asyncpg.InvalidCatalogNameError,  # a database that is not there yet
    asyncpg.InternalClientError,
)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is closed soon, whether or not the server has heard of it.

    SQLAlchemy gives a server that hangs two seconds for a goodbye, and a request has none to spare.
    """

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        with suppress(TimeoutError):  # it is cut, then
            await super().close(timeout=min(timeout or _FAREWELL, _FAREWELL))


class Database:
    """PostgreSQL, seen from one process.

    `url` is SQLAlchemy's or libpq's (`postgresql+asyncpg://`, `postgresql://`, `postgres://`) with
    libpq's parameters; `pool_size` is the number of connections that are ever held at once.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self.url = url
        dsn = libpq_url(url)

        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(
                dsn, timeout=_CONNECT_TIMEOUT, connection_class=_Connection
            )

        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_CONNECT_TIMEOUT,
            # An order's lines are JSON text on both sides; nobody decodes them on the way.
            json_serializer=str,
            json_deserializer=str,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        # The pool gives what comes back to whoever asks first, and those who wait are the last to.
        self._turns = asyncio.Semaphore(pool_size)
        #: Taken from the pool and not given back: the way there and back costs as much as a query.
        self._at_hand: list[PoolProxiedConnection] = []

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine, with all that is at hand given back to its pool."""
        while self._at_hand:
            self._at_hand.pop().close()
        return self._engine

    @asynccontextmanager
    async def connection(self, patience: float = PATIENCE) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool, in a transaction that ends with the block.

        Raises:
            Unavailable: PostgreSQL is out of reach, or took longer than `patience` (seconds), or
                than the deadline of the request that is being served.
        """
        with translated():
            async with _in_time(patience), self._turns, self.engine.connect() as connection:
                try:
                    yield connection
                except asyncio.CancelledError:
                    # Cut off in the middle of a statement, it is of no use to the next one.
                    await connection.invalidate()
                    raise

    @asynccontextmanager
    async def driver(self, patience: float = PATIENCE) -> AsyncIterator[asyncpg.Connection]:
        """asyncpg's own connection, for the hot paths: one statement, one round trip.

        It is in no transaction, and must be in none when it is given back.

        Raises:
            Unavailable: as `connection`.
        """
        with translated():
            async with _in_time(patience), self._turns:
                pooled = self._known_to_be_open() or await self._engine.raw_connection()
                try:
                    yield pooled.driver_connection
                except BaseException as error:
                    if isinstance(error, asyncio.CancelledError):
                        await greenlet_spawn(pooled.invalidate)  # as above
                    pooled.close()
                    raise
                self._at_hand.append(pooled)

    def _known_to_be_open(self) -> PoolProxiedConnection | None:
        while self._at_hand:
            pooled = self._at_hand.pop()
            if not _is_closed(pooled):
                return pooled
            pooled.close()  # the pool opens another in its place
        return None

    async def ping(self) -> None:
        """Ask PostgreSQL for a sign of life.

        Raises:
            Unavailable: there is none.
        """
        async with self.driver() as driver:
            await driver.fetchval("SELECT 1")

    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are idle."""
        pool, at_hand = cast(QueuePool, self._engine.sync_engine.pool), len(self._at_hand)
        return pool.checkedout() - at_hand, pool.checkedin() + at_hand

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _in_time(patience: float) -> asyncio.Timeout:
    """So many seconds, or until the deadline of the request that is being served."""
    until = asyncio.get_running_loop().time() + patience
    return asyncio.timeout_at(min(until, storage_deadline.get() or until))


@contextmanager
def translated() -> Iterator[None]:
    """Turn the failures of PostgreSQL and its driver into the service's own errors.

    Raises:
        Unavailable: it is out of reach.
        EmailTaken, ReferenceTaken: the constraint of that meaning was broken.
    """
    try:
        yield
    except IntegrityError as error:
        raise _meaning(error.orig) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise _meaning(error) from error
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig else None
        if error.connection_invalidated or isinstance(cause, _OUT_OF_REACH):
            raise Unavailable from error
        raise
    except AsyncAdapt_asyncpg_dbapi.Error as error:  # the pool's, of a connection that it made
        if isinstance(error.__cause__, _OUT_OF_REACH):
            raise Unavailable from error
        raise
    except _OUT_OF_REACH as error:
        raise Unavailable from error


def _meaning(error: BaseException | None) -> BaseException:
    violation = (
        error if isinstance(error, asyncpg.PostgresError) else getattr(error, "__cause__", None)
    )
    meaning = _MEANING.get(getattr(violation, "constraint_name", None) or "")
    return meaning() if meaning else error or RuntimeError("a constraint without a name was broken")


def _refuse_closed(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    # A restart of PostgreSQL closes every pooled connection; the pool opens another in its place.
    if _is_closed(dbapi_connection):
        raise DisconnectionError


def _is_closed(connection: Any) -> bool:
    return bool(connection.driver_connection.is_closed())


def libpq_url(url: str) -> str:
    """`url` as asyncpg reads it, which knows libpq's parameters but not all of their names.

    Raises:
        ValueError: it is no PostgreSQL URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql+asyncpg", "postgresql", "postgres"} or not rest:
        raise ValueError("must be postgresql://user:password@host:5432/database")
    parts = urlsplit(f"postgresql://{rest}")
    _ = parts.port  # a port that is no number is refused here
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in _NOT_ASYNCPGS
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


#: libpq's parameters that asyncpg would pass to the server as settings. The pool has its own
#: timeouts, and what the others say is asyncpg's default.
_NOT_ASYNCPGS: Final = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "prepared_statement_cache_size",
        "sslcompression",
        "tcp_user_timeout",
    }
)
