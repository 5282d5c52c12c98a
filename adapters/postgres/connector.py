"""Connect to PostgreSQL at one of several addresses."""

import asyncio
import random
import socket
from collections.abc import Mapping
from typing import Final

import asyncpg

from adapters.postgres.connection import Connection
from adapters.postgres.failures import is_permanent, unavailable
from adapters.postgres.targets import Target, is_balanced, targets_of
from application.errors import Unavailable
from libraries.asyncio_tools.cancellation import resolve_host
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS

#: The timeout for trying all hosts. It leaves enough time to respond to the request afterwards.
_CONNECT_TIMEOUT_SECONDS: Final = STORAGE_DEADLINE_SECONDS - 0.2
#: The setup may need several attempts because a role's own `statement_timeout` can interrupt it.
_SETUP_ATTEMPTS: Final = 3

#: PostgreSQL ends transactions whose client has been idle for this long. A frozen process loses its
#: locks this way.
IDLE_IN_TRANSACTION_SECONDS: Final = 8
#: How long a statement may wait for a lock. By then, its callers' deadlines have already passed.
LOCK_TIMEOUT_SECONDS: Final = 5
#: Settings for every session, which override the defaults of its role or database. We send them as
#: a statement because PgBouncer rejects startup parameters that it doesn't support.
_SETTINGS: Final = f"""
SET statement_timeout = 0;
SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s';
SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s';
SET default_transaction_isolation = 'read committed';
SET default_transaction_deferrable = off;
"""
#: Additional settings for newer PostgreSQL releases, by the release that introduced them.
_LATER_SETTINGS: Final = {
    (14,): "SET idle_session_timeout = 0;",
    (17,): "SET transaction_timeout = 0;",
}

#: Socket options by name, because they don't all exist on every platform. They make the kernel
#: close a connection if the other end is gone. This happens if probes remain unanswered after 10 s
#: without traffic, or if data hasn't been acknowledged after 2 s. Each value can be overridden by
#: libpq's parameter in the URL.
_SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", "keepalives", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", "keepalives_idle", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", "keepalives_idle", 10),  # same as above on macOS
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", "keepalives_interval", 3),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", "keepalives_count", 4),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", "tcp_user_timeout", 2_000),
)


class Connector:
    """Opens connections to the PostgreSQL server at a URL.

    Raises:
        ValueError: this isn't a PostgreSQL URL, or the driver doesn't support one of its
            parameters.
    """

    def __init__(self, url: str) -> None:
        self._targets = targets_of(url)
        if is_balanced(url):
            random.shuffle(self._targets)

    async def connect(self) -> Connection:
        """Open a connection that accepts writes, starting with the last host that worked.

        Raises:
            Unavailable: none of the hosts accepted a connection in time. If any of the failures is
                temporary, it's the cause.
        """
        seconds = _CONNECT_TIMEOUT_SECONDS / len(self._targets)
        failures: list[Exception] = []
        for target in list(self._targets):
            try:
                async with asyncio.timeout(min(seconds, target.connect_seconds or seconds)):
                    connection = await _open(target)
            except Exception as error:  # noqa: BLE001 - try the other hosts
                failures.append(error)
            else:
                self._targets.sort(key=lambda each: each is not target)
                return connection
        may_pass = [each for each in failures if not is_permanent(each)]
        raise unavailable(may_have_changed=False) from (may_pass or failures)[-1]


async def _open(target: Target) -> Connection:
    if target.address is not None:
        await resolve_host(*target.address)
    connection: Connection = await asyncpg.connect(
        timeout=None, connection_class=Connection, **target.arguments
    )
    try:
        _set_socket_options(connection, target.socket_options)
        await _set_up_session(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _set_up_session(connection: Connection, attempts: int = _SETUP_ATTEMPTS) -> None:
    version = connection.get_server_version()
    later = [text for since, text in _LATER_SETTINGS.items() if version >= since]
    try:
        await connection.execute("".join((_SETTINGS, *later)))
    except Unavailable:
        if connection.is_broken or attempts == 1:
            raise
        await _set_up_session(connection, attempts - 1)


def _set_socket_options(connection: Connection, overrides: Mapping[str, int]) -> None:
    """Make the kernel detect if the other end is gone."""
    raw = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the only way in asyncpg
    if raw.family == getattr(socket, "AF_UNIX", None):
        return
    for level, name, parameter, default in _SOCKET_OPTIONS:
        value = overrides.get(parameter, default)
        is_kernel_default = value == 0 and parameter != "keepalives"
        if (option := getattr(socket, name, None)) is not None and not is_kernel_default:
            raw.setsockopt(level, option, value)
