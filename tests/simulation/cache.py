"""The shared cache as each process sees it, and the promises that it keeps."""

from typing import TYPE_CHECKING

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, OrderCache
from domain.actor import Actor
from domain.ids import OrderId
from tests.simulation.process import SimulatedProcess
from tests.support.faults import FlickeringCache, UnreachableCache

if TYPE_CHECKING:
    from tests.simulation.world import World


class CacheChecks:
    """Check that the cache has nothing that is not stored, and never goes back in time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._served: dict[OrderId, int] = {}

    def check_served(self, order_id: OrderId, document: OrderDocument) -> None:
        """Check an order that was read from the cache."""
        if document.revision < self._served.get(order_id, 0):
            self._world.fail(f"the cache went back to revision {document.revision} of {order_id}")
        self._served[order_id] = document.revision
        self.check(order_id)

    def check_all(self) -> None:
        """Check each entry."""
        for order_id in [*self._world.cache._entries]:
            self.check(order_id)

    def check(self, order_id: OrderId) -> None:
        """Check that the entry is stored, and not older than what the relay marked as published.

        The entry may be older if there is a debt to the cache.
        """
        world = self._world
        entry = world.cache._living(order_id)
        if entry is None:
            return
        revision, stored = entry.document.revision, world.storage.orders.find(order_id)
        if stored is None or revision > stored.record.revision:
            world.fail(f"the cache has revision {revision} of {order_id}, which is not stored")
        published = world.storage.published.get(order_id, 0)
        if revision < published and order_id not in world.storage.cache_debts:
            world.fail(
                f"the cache has revision {revision} of {order_id} after revision {published}"
                " was marked as published, without a debt"
            )


class ProcessCache(FlickeringCache):
    """The shared cache as one process sees it, which can be cut off from it."""

    def __init__(self, process: SimulatedProcess) -> None:
        self._process = process
        self._world = process.world

    @property
    def _now(self) -> OrderCache:
        is_away = self._world.is_cache_down or self._process in self._world.cut_off
        return UnreachableCache() if is_away else self._world.cache

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        answer = await super().get(order_id, actor)
        if answer.document is not None:
            self._world.cache_checks.check_served(order_id, answer.document)
        return answer

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        await super().fill(order_id, document, lease)
        self._world.cache_checks.check(order_id)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        super().offer(order_id, document, lease)
        self._world.cache_checks.check(order_id)
