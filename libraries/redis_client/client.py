"""This process's link to Redis, and its circuit breaker."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from random import uniform
from typing import Any, Final

from adapters.redis.generation import CacheKeys
from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget
from libraries.redis_client.connection import Connection, Connections
from libraries.redis_client.errors import RedisUnavailable, UnusableServer
from libraries.redis_client.handshake import Greeted, OwnedElsewhere, find_place, greet
from libraries.redis_client.multiplexed_connection import MultiplexedConnection, Word
from libraries.redis_client.route import Route
from libraries.redis_client.script import Script

logger = logging.getLogger(__name__)

#: Seconds until a connection stands, or is given up.
_CONNECT: Final = 2.0
#: Seconds between two probes: at first, and at last.
_FIRST, _LONGEST = 0.25, 2.0
#: Seconds after which a use has the server greeted again, beside the calls, and after which the
#: calls wait for that: a server may have become another one while the link was at rest.
_GREETED_FOR_SECONDS: Final = 1.0
_TRUSTED_FOR_SECONDS: Final = 2.0
#: Seconds of rest after which a connection is probed: a NAT or a proxy may have forgotten it.
_REST_SECONDS: Final = 10.0
#: Seconds that a server has to answer a greeting or a probe that no call waits for.
_GREETING_SECONDS: Final = 1.0


class RedisClient:
    """Commands of one turn of the event loop share a round trip on a single connection.

    The connection is the circuit breaker. It is dropped at the first error, and as soon as an
    answer has kept somebody waiting for a request's whole patience; from then on every call fails
    at once. A probe on a timer, which no request waits for, closes the circuit again.

    A call waits for what is left of its request's patience; outside of a request, for `at_most`
    seconds.

    Raises:
        ValueError: the URL says what redis does not understand.
    """

    def __init__(
        self, url: str, prefix: str = "", at_most: float = AUXILIARY_BUDGET_SECONDS
    ) -> None:
        self.prefix = prefix
        self.cache_keys = CacheKeys(self.key("cache:generation"), self.key("cache:recent"))
        #: Facts about the server; None before the first connection.
        self.server: Greeted | None = None
        #: Why Redis is out of reach; None while it is in reach, and before the first attempt.
        self.reason: str | None = None
        #: Why the server cannot be used with this URL, however long one waits.
        self.unusable: str | None = None
        self._at_most = at_most
        self._connections = Connections(url, _CONNECT)
        self._route = Route()
        self._wire: MultiplexedConnection | None = None
        self._greeted_at = 0.0
        #: Wakes the watcher: the link is used again, or its wire is lost.
        self._woken = asyncio.Event()
        #: Cleared while calls wait for a greeting.
        self._is_trusted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._served = False
        self._complained = False

    @property
    def in_reach(self) -> bool:
        """Whether the circuit is closed, and calls go to Redis."""
        return self._wire is not None and not self._wire.is_lost

    async def open(self, at_most: float = _CONNECT) -> bool:
        """Begin to keep a connection; whether the first attempt had reached Redis in time."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._tried.wait()
        return self.in_reach

    async def close(self) -> None:
        """Give up the connection, for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def call(self, *words: Word) -> Any:
        """The answer to a command.

        Raises:
            RedisUnavailable: there is none in time, or it is a refusal.
            NoScriptError: the server does not know the script.
        """
        return await self.begin(*words)

    def begin(self, *words: Word) -> Awaitable[Any]:
        """As `call`, on its way when this returns, with what is asked next; to be awaited."""
        result = time_budget.get()
        at_most = self._at_most if result is None else result.left
        begun = asyncio.get_running_loop().time()
        asked = None if self._must_wait() else self.ask(*words, at_most=at_most)
        return self._answer(words, asked, at_most, result, begun)

    async def _answer(
        self,
        words: tuple[Word, ...],
        asked: asyncio.Future[Any] | None,
        at_most: float,
        result: TimeBudget | None,
        begun: float,
    ) -> Any:
        try:
            return await (asked or (await self._first_wire(at_most)).ask(words, at_most))
        finally:
            if result is not None:
                # What another wait has spent since then is spent already.
                passed = asyncio.get_running_loop().time() - begun
                result.spend(max(0.0, passed - (at_most - result.left)))

    async def _first_wire(self, at_most: float) -> MultiplexedConnection:
        if self._keeper is None:
            await self.open(at_most)
        if self._wire is not None and not self._is_trusted.is_set():
            try:
                async with asyncio.timeout(at_most):
                    await self._is_trusted.wait()
            except TimeoutError:
                raise RedisUnavailable("no answer in time") from None
        if self._wire is None:
            raise RedisUnavailable(self.reason or "the circuit is open")
        return self._wire

    def _must_wait(self) -> bool:
        """Note that the link is used; return whether the server must be greeted first."""
        if self._wire is None:
            return True
        age = asyncio.get_running_loop().time() - self._greeted_at
        if age > _GREETED_FOR_SECONDS:
            self._woken.set()
        if age > _TRUSTED_FOR_SECONDS:
            self._is_trusted.clear()
        return not self._is_trusted.is_set()

    def ask(self, *words: Word, at_most: float | None = None) -> asyncio.Future[Any] | None:
        """Send a command, and wait for nothing; None while Redis is away."""
        if self._wire is None or self._wire.is_lost:
            return None
        return self._wire.ask(words, self._at_most if at_most is None else at_most)

    def tell(self, *words: Word) -> None:
        """Send a command whose answer nobody waits for; while Redis is away, nothing happens."""
        if self._wire is not None:
            self._must_wait()
            with suppress(RedisUnavailable):
                self._wire.tell(words)

    def refused_within(self, seconds: float) -> str | None:
        """Return the last refusal of a command if it is no older than `seconds`."""
        if self._wire is None or self._wire.refusal is None:
            return None
        reason, refused_at = self._wire.refusal
        is_recent = asyncio.get_running_loop().time() - refused_at < seconds
        return reason if is_recent else None

    def script(self, source: str) -> Script:
        """A Lua script that runs on this link."""
        return Script(self, source)

    def key(self, name: str) -> str:
        """Return one of our keys. All of them are in one slot of a Redis Cluster (hash tag)."""
        return f"{self.prefix}{{orders}}:{name}"

    def new_connection(self) -> Connection:
        """Return a connection to the same server, not yet open, for other uses."""
        return self._connections.new(self._route.address)

    async def _keep(self) -> None:
        """Connect again and again: at once if the last connection was a good one."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            begun = loop.time()
            self._complain(await self._one_connection())
            lasted = loop.time() - begun if self._served else 0.0
            pause = 0.0 if lasted > _LONGEST else min(max(2 * pause, _FIRST), _LONGEST)
            await asyncio.sleep(pause * uniform(0.75, 1.25))  # noqa: S311 - no secret

    async def _one_connection(self) -> str:
        """Serve every call over a new connection until it is lost; return why it was."""
        self._served = False
        try:
            try:
                return await self._connected()
            except OwnedElsewhere as elsewhere:
                self._route.follow(elsewhere.owner, elsewhere.nodes)
                return await self._connected()
        except Exception as error:  # noqa: BLE001 - whatever it was, it heals by itself
            if not self._served:
                self._route.go_on()
            self.unusable = str(error) if isinstance(error, UnusableServer) else None
            return str(error) or type(error).__name__
        finally:
            self._tried.set()

    async def _connected(self) -> str:
        connection = self.new_connection()
        try:
            async with asyncio.timeout(_CONNECT):
                await connection.open()
            return await self._serve(MultiplexedConnection(connection, self._at_most))
        finally:
            await connection.close()

    async def _serve(self, wire: MultiplexedConnection) -> str:
        host, _ = self._route.address or self._connections.home
        try:
            nodes = await find_place(
                wire, self._connections.database, self.cache_keys.generation, host, self._at_most
            )
            self._route.follow(self._route.address, nodes)
            await self._greet(wire, self._at_most)
            self._wire, self._served, self.unusable, self.reason = wire, True, None, None
            self._tried.set()
            self._rejoice()
            return await self._watch(wire)
        finally:
            self._wire = None
            self._is_trusted.set()
            wire.lose("the link is closed")

    async def _watch(self, wire: MultiplexedConnection) -> str:
        """Return when the wire is lost; while it is used, see every second that the server is
        still the same.

        So a server that has become a replica is left. After a rest, the next call waits until the
        server was greeted.
        """
        wire.when_lost(self._woken.set)
        while not wire.is_lost:
            self._woken.clear()
            try:
                async with asyncio.timeout(_REST_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                await wire.ask(("PING",), _GREETING_SECONDS)
                continue
            if not wire.is_lost:
                is_awaited = not self._is_trusted.is_set()
                await self._greet(wire, self._at_most if is_awaited else _GREETING_SECONDS)
        return await wire.lost()

    async def _greet(self, wire: MultiplexedConnection, at_most: float) -> None:
        self.server = await greet(wire, self.cache_keys, at_most)
        self._greeted_at = asyncio.get_running_loop().time()
        self._is_trusted.set()

    def _complain(self, reason: str) -> None:
        self.reason = reason
        if not self._complained:
            logger.warning("Redis is out of reach: %s", reason)
        self._complained = True

    def _rejoice(self) -> None:
        if self._complained:
            logger.warning("Redis is in reach again")
        self._complained = False
