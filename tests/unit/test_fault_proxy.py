"""How the tests' fault proxy affects connections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.deadlines import LONG
from tests.support.fault_proxy import BOTH, HOST, FaultProxy, Way


@contextmanager
def _echo() -> Iterator[int]:
    """Run a server that returns every byte it receives."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_echo_bytes, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _echo_bytes(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(1024):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with _echo() as port, FaultProxy(HOST, port) as proxy:
        yield proxy


def _connect(proxy: FaultProxy) -> socket.socket:
    connection = socket.create_connection((HOST, proxy.port), timeout=LONG)
    connection.sendall(b"hello")
    assert connection.recv(5) == b"hello"
    return connection


def _is_silent(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    connection.sendall(b"?")
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    return False


def test_the_proxy_forwards_both_ways(proxy: FaultProxy) -> None:
    with _connect(proxy) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert proxy.accepted == 1


def test_a_reset_is_not_an_end_of_stream(proxy: FaultProxy) -> None:
    with _connect(proxy) as connection:
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with _connect(proxy):
        assert proxy.accepted == 2


def test_only_a_forgotten_connection_is_silent(proxy: FaultProxy) -> None:
    with _connect(proxy) as old:
        assert proxy.forget() == 1
        assert _is_silent(old)
        with _connect(proxy):
            pass


@pytest.mark.parametrize("ways", [BOTH, frozenset({Way.TO_SERVER}), frozenset({Way.TO_CLIENT})])
def test_silence_drops_bytes_of_old_and_new_connections(
    proxy: FaultProxy, ways: frozenset[Way]
) -> None:
    with _connect(proxy) as old:
        proxy.silence(ways)
        with socket.create_connection((HOST, proxy.port)) as new:
            assert _is_silent(old)
            assert _is_silent(new)
        proxy.heal()
        with _connect(proxy):
            pass


def test_the_proxy_resets_refused_connections(proxy: FaultProxy) -> None:
    proxy.refuse()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection((HOST, proxy.port), timeout=LONG) as connection,
    ):
        connection.recv(1)
    proxy.heal()
    with _connect(proxy):
        pass


def test_only_the_address_of_a_url_is_replaced(proxy: FaultProxy) -> None:
    assert proxy.through("localhost:9092") == f"{HOST}:{proxy.port}"
    url = "postgresql://u:p%40w@db:5432/orders?sslmode=disable"
    assert proxy.through(url) == f"postgresql://u:p%40w@{HOST}:{proxy.port}/orders?sslmode=disable"
