"""Identify the server at the start of a connection, and check that it is usable."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from libraries.redis_client.connection import Address
from libraries.redis_client.errors import RedisUnavailable, UnusableServer
from libraries.redis_client.multiplexed_connection import Arg, MultiplexedConnection

#: Executes a command on the handshake's connection, with the handshake's timeout.
Execute: TypeAlias = Callable[..., Awaitable[Any]]
#: A custom part of the handshake. It receives the server's id, which changes when the server is
#: restarted, replaced or promoted. If it raises, the connection is not used.
HandshakeHook: TypeAlias = Callable[[Execute, str], Awaitable[None]]

_REPLICA: Final = frozenset({"slave", "replica"})
#: Placeholders in CLUSTER SLOTS for an unknown host or for the host that we are connected to.
_NO_HOST: Final = (b"", b"?", None)


class SlotMoved(RedisUnavailable):
    """Our slot belongs to another cluster node. Contains its address and those of all nodes."""

    def __init__(self, owner: Address, nodes: Sequence[Address]) -> None:
        super().__init__(f"the node {owner[0]}:{owner[1]} owns our slot")
        self.owner = owner
        self.nodes = nodes


async def no_hook(_execute: Execute, _server_id: str) -> None:
    """Accept any server."""


async def select_database(
    connection: MultiplexedConnection, database: int, key: str, host: str, timeout_seconds: float
) -> Sequence[Address]:
    """Select the database. In a cluster, check that this node owns the slot of `key`.

    Returns the cluster's nodes, which is empty for a single server.

    Raises:
        SlotMoved: another node owns the slot.
        UnusableServer: the URL contains a database other than 0, but clusters only have
            database 0.
        RedisUnavailable: there was no reply in time, or it was an error.
    """
    info = _parse_info(*await _submit_all(connection, timeout_seconds, ("INFO", "cluster")))
    if info.get("cluster_enabled") != "1":
        if database:
            await connection.submit(("SELECT", database), timeout_seconds)
        return ()
    if database:
        raise UnusableServer(
            f"the server is a Redis Cluster, which has database 0 alone; the URL names {database}"
        )
    slot, my_id, ranges = await _submit_all(
        connection,
        timeout_seconds,
        ("CLUSTER", "KEYSLOT", key),
        ("CLUSTER", "MYID"),
        ("CLUSTER", "SLOTS"),
    )
    nodes = [_address(node, host) for each in ranges for node in each[2:]]
    owner = next((each[2] for each in ranges if each[0] <= slot <= each[1]), None)
    if owner is None:
        raise RedisUnavailable("no node of the cluster owns our slot")
    if owner[2] != my_id:
        raise SlotMoved(_address(owner, host), nodes)
    return nodes


async def identify_server(connection: MultiplexedConnection, timeout_seconds: float) -> str:
    """Return the server's id, which consists of its run id and its replication id.

    Raises:
        RedisUnavailable: the server is a replica, there was no reply in time, or it was an error.
    """
    info = _parse_info(
        *await _submit_all(connection, timeout_seconds, ("INFO", "server"), ("INFO", "replication"))
    )
    if info.get("role") in _REPLICA:
        raise RedisUnavailable("the server is a replica")
    return f"{info.get('run_id', '')}/{info.get('master_replid', '')}"


async def _submit_all(
    connection: MultiplexedConnection, timeout_seconds: float, *commands: tuple[Arg, ...]
) -> list[Any]:
    """Send all commands in the same round trip and return their replies."""
    return await asyncio.gather(*(connection.submit(args, timeout_seconds) for args in commands))


def _parse_info(*replies: bytes) -> Mapping[str, str]:
    lines = b"\n".join(replies).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _address(node: Sequence[Any], host: str) -> Address:
    return (host if node[0] in _NO_HOST else node[0].decode()), int(node[1])
