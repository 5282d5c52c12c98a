"""The order cache that is shared by all processes."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from secrets import token_hex
from typing import Final
from uuid import UUID

from adapters.redis.cache_scripts import DROP_OLDER, FILL, OFFER, PUT, TAKE_LEASE
from adapters.redis.generation import CHECK_GENERATION, CacheGeneration
from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState
from domain.actor import Actor
from domain.ids import OrderId, UserId
from libraries.redis_client.batched_script import BatchedScript
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.script import Script

_BYPASS: Final = CacheAnswer(CacheState.BYPASS)

#: If a reader takes longer than this, it can't fill the cache anymore.
_LEASE_SECONDS: Final = 5.0
#: Redis ignores an offer if it arrives later than this, measured from when we started to store the
#: order. Newer revisions are remembered for twice as long to make sure that an offer in time will
#: notice them.
_OFFER_SECONDS: Final = 2.0
_NOTED_MS: Final = round(2 * _OFFER_SECONDS * 1000)
#: The most orders per script. Redis executes nothing else in the meantime, which takes about 2 us
#: per order.
_MAX_DROPPED: Final = 100


class RedisOrderCache:
    """Caches the response bodies of orders for `ttl` seconds, each after a line of metadata.

    A single `MGET` reads the entry and the current generation. If the entry belongs to another
    generation, it's a MISS. All other steps are implemented as one script each. ADR 18 explains why
    the cache never returns an older revision after a newer one.
    """

    def __init__(self, client: RedisClient, generation: CacheGeneration, ttl: float) -> None:
        self._client = client
        self._generation = generation
        self._ttl_ms = max(1, round(ttl * 1000))
        self._keys = generation.keys
        self._entry = client.key("order:")
        self._take_lease = Script(client, TAKE_LEASE)
        self._fill = Script(client, FILL)
        self._put = Script(client, PUT)
        self._drop_older = Script(client, DROP_OLDER)
        self._offer = BatchedScript(
            client,
            OFFER,
            shared_keys=[self._keys.generation, self._keys.recent],
            shared_args=[self._ttl_ms],
        )
        self._check_generation = Script(client, CHECK_GENERATION)
        self._name = token_hex(8)
        self._leases = count()

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        """Return the cached order, a MISS with a lease, or BYPASS if Redis is unreachable."""
        try:
            generation, entry = await self._client.execute(
                "MGET", self._keys.generation, f"{self._entry}{order_id}"
            )
        except RedisUnavailable:
            return _BYPASS
        document = _document(generation, entry)
        if document is not None and (actor is None or actor.may_see(document.owner)):
            return CacheAnswer(CacheState.HIT, document)
        return CacheAnswer(CacheState.MISS, lease=await self._lease(order_id))

    async def _lease(self, order_id: OrderId) -> str | None:
        generation = self._generation.current
        if generation is None:
            return None
        token = f"{self._name}.{next(self._leases)}"
        lease_ms = round(_LEASE_SECONDS * 1000)
        try:
            lease: bytes | None = await self._take_lease(
                self._keys_of(order_id), token, lease_ms, token_hex(8), generation.server_id
            )
        except RedisUnavailable:
            return None
        return None if lease is None else lease.decode()

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read after taking the lease."""
        await self._write(self._fill, order_id, document, lease)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision and end the lease. Return False if Redis is unreachable."""
        return await self._write(self._put, order_id, document)

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """Like `put`, but for several orders in one round trip. Return those that failed."""
        written = await asyncio.gather(*(self.put(*each) for each in documents.items()))
        return frozenset(
            order_id
            for order_id, is_written in zip(documents, written, strict=True)
            if not is_written
        )

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        """Drop older entries and end the leases, in one round trip. Return the failed orders."""
        orders = [*revisions.items()]
        parts = [orders[n : n + _MAX_DROPPED] for n in range(0, len(orders), _MAX_DROPPED)]
        failed = await asyncio.gather(*map(self._drop_some, parts))
        return frozenset().union(*failed)

    async def _drop_some(self, orders: Sequence[tuple[OrderId, int]]) -> Collection[OrderId]:
        keys = [self._keys.generation, self._keys.recent]
        facts: list[str | int] = []
        for order_id, revision in orders:
            keys += self._keys_of(order_id)[2:]
            facts += str(order_id), revision
        try:
            await self._drop_older(keys, _NOTED_MS, *facts)
        except RedisUnavailable:
            return [order_id for order_id, _ in orders]
        return ()

    def reserve(self, order_id: OrderId) -> str | None:  # noqa: ARG002 - from the port
        """Return the generation, and the server's time after which an offer is too late."""
        generation = self._generation.current
        if generation is None or not self._client.is_available:
            return None
        now = asyncio.get_running_loop().time() + generation.clock_offset_seconds
        return f"{generation.name}.{round((now + _OFFER_SECONDS) * 1000)}"

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache the new order. Later commands from this client are executed after it.

        Offers of the same event loop iteration share a call of the script.
        """
        generation, deadline_ms = lease.split(".")
        text = str(order_id)
        self._offer.send(
            [f"{self._entry}{text}"], [generation, deadline_ms, text, _entry_of(document)]
        )

    async def invalidate_all(self) -> bool:
        """Begin a new generation. Return False if Redis is unreachable."""
        generation = self._generation.current
        if generation is None:
            return False
        keys = self._keys.generation, self._keys.recent
        try:
            await self._check_generation(keys, token_hex(8), generation.server_id, 1)
        except RedisUnavailable:
            return False
        return True

    async def _write(
        self, script: Script, order_id: OrderId, document: OrderDocument, *lease: str
    ) -> bool:
        facts = str(order_id), document.revision, _entry_of(document), self._ttl_ms, _NOTED_MS
        try:
            await script(self._keys_of(order_id), *lease, *facts)
        except RedisUnavailable:
            return False
        return True

    def _keys_of(self, order_id: OrderId) -> Sequence[str]:
        lease = self._client.key(f"lease:{order_id}")
        return self._keys.generation, self._keys.recent, lease, f"{self._entry}{order_id}"


def _entry_of(document: OrderDocument) -> bytes:
    """Return an entry without its generation, which is added by the script.

    The last word in the header is quoted because release 1.0 wrote it this way, and both releases
    have to read each other's entries during a rolling upgrade.
    """
    processed = "p" if document.is_processed else ""
    header = f'{document.revision} {document.owner} "v{document.version}{processed}"\n'
    return header.encode() + document.body


def _document(generation: bytes | None, entry: bytes | None) -> OrderDocument | None:
    """Return the document in an entry, or None if its generation or format is different."""
    if generation is None or entry is None:
        return None
    begin = generation.find(b" ") + 1
    end = entry.find(b"\n")
    if entry[:begin] != generation[:begin]:
        return None
    try:
        revision, owner, version = entry[begin:end].decode().split(" ")
        is_processed = version.endswith('p"')
        return OrderDocument(
            UserId(UUID(owner)),
            int(version[2 : -2 if is_processed else -1]),
            int(revision),
            is_processed,
            entry[end + 1 :],
        )
    except ValueError:
        return None
