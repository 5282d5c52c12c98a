"""Release a lease when its loop ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from application.errors import Unavailable

#: How long releasing a lease may take when the process stops.
_RELEASE_SECONDS: Final = 0.5


@asynccontextmanager
async def releasing(release: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Release a lease at the end of the block. If that isn't possible, it expires by itself."""
    try:
        yield
    finally:
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await release()
