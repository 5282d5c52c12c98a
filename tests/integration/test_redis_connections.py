"""Reset, forgotten and closed Redis connections are replaced, and the loops keep running."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection

from adapters.redis.relay_wakeup import RedisRelayWakeup
from libraries.redis_client import connection
from libraries.redis_client.errors import RedisUnavailable
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy
from tests.support.redis import ServiceClient, connected, listening, wait_available

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Run each test on both event loops, because they report a closed transport differently."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy.to(server.url) as proxy:
        yield proxy


@pytest.fixture
async def client(server: Server, proxy: FaultProxy) -> AsyncIterator[ServiceClient]:
    async with connected(proxy.through(server.url)) as client:
        yield client


async def has_accepted(proxy: FaultProxy, connections: int) -> None:
    """Wait until the proxy has accepted this many connections in total."""
    async with asyncio.timeout(LONG):
        while proxy.accepted < connections:  # noqa: ASYNC110 - it runs in its own thread
            await asyncio.sleep(0.02)


async def is_notified(relay_wakeup: RedisRelayWakeup, server: Server) -> None:
    """Wait until a notification from another process has arrived."""
    async with connected(server.url) as other, asyncio.timeout(LONG):
        while True:
            RedisRelayWakeup(other).notify()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await relay_wakeup.wait(LONG)
                    return


class TestReset:
    async def test_client_and_wakeup_survive_resets(
        self, server: Server, proxy: FaultProxy, client: ServiceClient
    ) -> None:
        async with listening(client) as relay_wakeup:
            for _ in range(10):
                opened = proxy.accepted
                proxy.reset()
                for n in range(50):
                    client.send("SET", f"key {n}", bytes(10_000))
                    with suppress(RedisUnavailable):
                        await client.execute("GET", "key")
                await has_accepted(proxy, opened + 1)
            await wait_available(client)
            await is_notified(relay_wakeup, server)

    async def test_a_call_on_a_closed_connection_fails_and_the_next_succeeds(
        self, client: ServiceClient
    ) -> None:
        assert client._reconnector.connection is not None
        client._reconnector.connection._transport = Closed()  # type: ignore[assignment]
        with pytest.raises(RedisUnavailable, match="the handler is closed"):
            async with asyncio.timeout(LONG):
                await client.execute("GET", "key")
        await wait_available(client)


class Closed:
    """A closed uvloop transport."""

    def write(self, _data: bytes) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    def abort(self) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")


class TestAnyError:
    """The loops survive every error that redis-py can raise."""

    @pytest.mark.parametrize("method", ["connect", "disconnect"])
    async def test_client_and_wakeup_survive_errors_of_redis_py(
        self,
        server: Server,
        proxy: FaultProxy,
        client: ServiceClient,
        method: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        original = getattr(AbstractConnection, method)

        async def failing(self: AbstractConnection, *words: Any, **options: Any) -> None:
            await original(self, *words, **options)
            raise RuntimeError("the handler is closed")

        async with listening(client) as relay_wakeup:
            with monkeypatch.context() as patch:
                patch.setattr(AbstractConnection, method, failing)
                proxy.reset()
                await asyncio.sleep(1)
            await wait_available(client)
            await is_notified(relay_wakeup, server)

    async def test_every_error_becomes_redis_unavailable(self) -> None:
        class Raw:
            _writer = None

            async def connect(self) -> None:
                raise RuntimeError("the handler is closed")

            async def disconnect(self, *, nowait: bool) -> None:
                raise RuntimeError(f"closed already: {nowait}")

            async def send_command(self, *_words: str) -> None:
                raise AttributeError

            async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
                raise ValueError(timeout)

        raw = connection.DedicatedConnection(Raw())  # type: ignore[arg-type]  # never opened
        for work in (raw.open(), raw.send("PING"), raw.receive()):
            with pytest.raises(RedisUnavailable):
                await work
        with pytest.raises(RedisUnavailable):
            _ = raw.transport
        await raw.close()


class TestForgottenByNat:
    """A NAT has forgotten the connection and drops all packets without sending a reset."""

    @pytest.fixture(autouse=True)
    def _prompt(self, with_generous_deadlines: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002 - after it
        bounds = (
            "adapters.redis.relay_wakeup._QUIET_SECONDS",
            "adapters.redis.relay_wakeup._ANSWER_SECONDS",
            "libraries.redis_client.reconnector._IDLE_SECONDS",
            "libraries.redis_client.reconnector._HANDSHAKE_TIMEOUT_SECONDS",
        )
        for bound in bounds:
            monkeypatch.setattr(bound, 0.5)

    async def test_an_idle_client_replaces_it(self, proxy: FaultProxy, server: Server) -> None:
        async with connected(proxy.through(server.url)) as client:  # with the bounds set above
            opened = proxy.accepted
            assert proxy.forget() > 0
            await has_accepted(proxy, opened + 1)  # without making a call
            await wait_available(client)

    async def test_the_first_call_replaces_it(
        self, proxy: FaultProxy, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = proxy.accepted
        assert proxy.forget() > 0
        with monkeypatch.context() as patch:
            for age in ("_REFRESH_AFTER_SECONDS", "_EXPIRES_AFTER_SECONDS"):
                patch.setattr(f"libraries.redis_client.reconnector.{age}", 0.0)
            patch.setattr(client, "timeout_seconds", 0.5)
            patch.setattr(client._reconnector, "_timeout_seconds", 0.5)
            with pytest.raises(RedisUnavailable):
                await client.execute("PING")
        await has_accepted(proxy, opened + 1)  # without making another call
        await wait_available(client)

    async def test_a_command_with_an_ignored_reply_replaces_it(
        self, proxy: FaultProxy, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("libraries.redis_client.reconnector._REFRESH_AFTER_SECONDS", 0.0)
        opened = proxy.accepted
        assert proxy.forget() > 0
        client.send("PING")
        await has_accepted(proxy, opened + 1)
        await wait_available(client)

    async def test_the_wakeup_replaces_it_too(
        self, server: Server, proxy: FaultProxy, client: ServiceClient
    ) -> None:
        async with listening(client) as relay_wakeup:
            opened = proxy.accepted
            assert proxy.forget() == 2
            await has_accepted(proxy, opened + 1)
            await is_notified(relay_wakeup, server)

    async def test_an_idle_connection_is_kept(
        self, proxy: FaultProxy, client: ServiceClient
    ) -> None:
        async with listening(client):
            opened = proxy.accepted
            await asyncio.sleep(3)
            assert proxy.accepted == opened


class TestSocket:
    async def test_tcp_options_are_set(self, client: ServiceClient) -> None:
        assert client._reconnector.connection is not None
        kernel = client._reconnector.connection._transport.get_extra_info("socket")
        assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        for option, value in connection.keepalive_options().items():
            assert kernel.getsockopt(socket.IPPROTO_TCP, option) == value
