"""Orders kept close to every reader, whichever process they ask."""

from typing import Final
from uuid import UUID

from adapters.redis.errors import OutOfReach
from adapters.redis.link import RedisLink
from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState
from domain.ids import OrderId, UserId

_MISS: Final = CacheAnswer(CacheState.MISS)
_BYPASS: Final = CacheAnswer(CacheState.BYPASS)

#: What is kept begins with its revision and a blank: an order as `revision owner etag`, a line
#: end and the body, the tombstone of a forgotten one as `revision` alone.
_PUT: Final = """
local known = string.match(redis.call('GETRANGE', KEYS[1], 0, 20), '^(%d+) ')
if not known or tonumber(known) <= tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
"""


class RedisOrderCache:
    """Each order as ready bytes for `ttl` seconds, behind a line of what is known about it.

    One script compares revisions and writes, so that of any two writers the newer one wins.
    """

    asks_storage = False

    def __init__(self, link: RedisLink, ttl: float) -> None:
        self._link = link
        self._ttl = max(1, round(ttl * 1000))
        self._place = f"{link.prefix}order:"
        self._put = link.script(_PUT)

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """The cached order; BYPASS where Redis is out of reach."""
        try:
            kept = await self._link.call("GET", f"{self._place}{order_id}")
        except OutOfReach:
            return _BYPASS
        return _MISS if kept is None else _answer(kept)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Keep the order unless a newer revision is known; False where Redis is out of reach."""
        return await self._keep(order_id, document.revision, _kept(document))

    async def invalidate_all(self) -> bool:
        """Leave the entries to expire: without generations none can be made unreachable at once."""
        return False

    def offer(self, order_id: OrderId, document: OrderDocument) -> None:
        """Keep the new order: what is asked on this link afterwards is answered afterwards."""
        place = f"{self._place}{order_id}"
        self._put.tell([place], document.revision, _kept(document), self._ttl)

    async def forget(self, order_id: OrderId, revision: int) -> bool:
        """Leave a tombstone, which no reader slower than `revision` can fill over.

        False where Redis is out of reach.
        """
        return await self._keep(order_id, revision, f"{revision} ".encode())

    async def _keep(self, order_id: OrderId, revision: int, value: bytes) -> bool:
        try:
            await self._put([f"{self._place}{order_id}"], revision, value, self._ttl)
        except OutOfReach:
            return False
        return True


def _kept(document: OrderDocument) -> bytes:
    header = f"{document.revision} {document.owner} {document.etag}\n".encode()
    return header + document.body


def _answer(kept: bytes) -> CacheAnswer:
    header, _, body = kept.partition(b"\n")
    try:
        revision, owner, etag = header.decode().split(" ")
        document = OrderDocument(UserId(UUID(owner)), int(revision), etag, body)
    except ValueError:
        return _MISS  # a tombstone, or nothing of ours
    return CacheAnswer(CacheState.HIT, document)
