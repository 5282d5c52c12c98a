"""Handle what has been collected during an event loop iteration together, in the next iteration."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")


class PerIteration(Generic[Item]):
    """Calls `handle` once per iteration with all items that were added meanwhile, in order.

    Many small tasks in a row are cheaper than the same tasks between other work, because their code
    and data stay in the processor's caches. The context variables of `add` are not set in `handle`.
    """

    def __init__(self, handle: Callable[[Sequence[Item]], None]) -> None:
        self._handle = handle
        self._items: list[Item] = []

    def add(self, item: Item) -> None:
        """Add an item. Must be called from within an event loop."""
        if not self._items:
            # An empty context, because the items belong to different requests.
            asyncio.get_running_loop().call_soon(self._flush, context=Context())
        self._items.append(item)

    def _flush(self) -> None:
        items, self._items = self._items, []
        self._handle(items)
