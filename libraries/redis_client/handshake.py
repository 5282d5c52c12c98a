"""The first command on a new connection: identify the server, and check that it is usable."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from adapters.redis.generation import GREET, CacheKeys
from libraries.redis_client.connection import Address
from libraries.redis_client.errors import RedisUnavailable, UnusableServer, errors_as_ours
from libraries.redis_client.multiplexed_connection import MultiplexedConnection, Word

_REPLICA: Final = frozenset({"slave", "replica"})
#: How a cluster says that a node's host is not known, or is the one that was connected to.
_NO_HOST: Final = (b"", b"?", None)


@dataclass(frozen=True, slots=True)
class Greeted:
    """A server that may be used: its identity, the cache's generation, and its clock."""

    identity: str
    generation: str
    seconds_ahead: float  # of the event loop's clock; an estimate that is never too high


class OwnedElsewhere(RedisUnavailable):
    """This node of a cluster does not own our slot; which one does, and all nodes."""

    def __init__(self, owner: Address, nodes: Sequence[Address]) -> None:
        super().__init__(f"the node {owner[0]}:{owner[1]} owns our slot")
        self.owner = owner
        self.nodes = nodes


async def find_place(
    wire: MultiplexedConnection, database: int, key: str, host: str, at_most: float
) -> Sequence[Address]:
    """Select the database; in a cluster, see that this node owns the slot of `key`.

    Return the nodes of the cluster, or none for a single server.

    Raises:
        OwnedElsewhere: another node owns it.
        UnusableServer: a cluster has database 0 alone, and the URL names another.
        RedisUnavailable: there is no answer in time, or it is a refusal.
    """
    facts = _facts(*await _ask(wire, at_most, ("INFO", "cluster")))
    if facts.get("cluster_enabled") != "1":
        if database:
            await wire.ask(("SELECT", database), at_most)
        return ()
    if database:
        raise UnusableServer(
            f"the server is a Redis Cluster, which has database 0 alone; the URL names {database}"
        )
    slot, me, ranges = await _ask(
        wire, at_most, ("CLUSTER", "KEYSLOT", key), ("CLUSTER", "MYID"), ("CLUSTER", "SLOTS")
    )
    nodes = [_address(node, host) for each in ranges for node in each[2:]]
    owner = next((each[2] for each in ranges if each[0] <= slot <= each[1]), None)
    if owner is None:
        raise RedisUnavailable("no node of the cluster owns our slot")
    if owner[2] != me:
        raise OwnedElsewhere(_address(owner, host), nodes)
    return nodes


async def greet(wire: MultiplexedConnection, keys: CacheKeys, at_most: float) -> Greeted:
    """Return facts about the server; begin a generation if this is another one.

    Raises:
        RedisUnavailable: it is a replica, there is no answer in time, or it is a refusal.
    """
    facts = _facts(*await _ask(wire, at_most, ("INFO", "server"), ("INFO", "replication")))
    if facts.get("role") in _REPLICA:
        raise RedisUnavailable("the server is a replica")
    identity = f"{facts.get('run_id', '')}/{facts.get('master_replid', '')}"
    names = keys.generation, keys.recent
    try:
        [answer] = await _ask(
            wire, at_most, ("EVAL", GREET, len(names), *names, token_hex(8), identity, 0)
        )
    except RedisUnavailable as error:
        if "WRONGTYPE" in str(error):
            raise RedisUnavailable(f"{error} (keys {' and '.join(names)})") from error
        raise
    now = asyncio.get_running_loop().time()
    with errors_as_ours():
        name, seconds, microseconds = answer
        return Greeted(identity, name.decode(), seconds + microseconds / 1e6 - now)


async def _ask(
    wire: MultiplexedConnection, at_most: float, *commands: tuple[Word, ...]
) -> list[Any]:
    """Return the answers to some commands, for one round trip."""
    return await asyncio.gather(*(wire.ask(words, at_most) for words in commands))


def _facts(*answers: bytes) -> Mapping[str, str]:
    lines = b"\n".join(answers).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _address(node: Sequence[Any], host: str) -> Address:
    return (host if node[0] in _NO_HOST else node[0].decode()), int(node[1])
