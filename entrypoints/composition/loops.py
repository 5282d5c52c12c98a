"""Run the loops of a process, either for one role or for all of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from dishka import AsyncContainer

from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.relay_outbox import RelayOutbox
from application.ports.events import EventSources, RelayWakeup
from application.ports.orders import KnownOrders
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.messaging.consumer import Consumer
from entrypoints.messaging.subscriptions import Subscription
from entrypoints.observability.metrics.scrape import SHARE_SECONDS, Metrics
from entrypoints.observability.metrics.table import IS_SHARED
from entrypoints.processes import watchdog
from entrypoints.processes.relay import relay
from entrypoints.processes.supervisor import Supervisor, every

#: How long a loop may take to end when its process stops.
DRAIN_SECONDS: Final = 4.5

#: Starts loops. The stack is for contexts to exit after the loops have ended.
StartLoops = Callable[[AsyncContainer, Supervisor, AsyncExitStack], Awaitable[None]]


@asynccontextmanager
async def running(container: AsyncContainer, *starts: StartLoops) -> AsyncIterator[None]:
    """Run loops until the end of the block, then stop all of them at the same time."""
    supervisor = await container.get(Supervisor)
    async with AsyncExitStack() as stack:
        try:
            for start in starts:
                await start(container, supervisor, stack)
            yield
        finally:
            await supervisor.stop(DRAIN_SECONDS)


async def start_relay(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
    """Start the relay, which publishes the outbox to the broker."""
    relay_outbox = await container.get(RelayOutbox)
    relay_wakeup = await container.get(RelayWakeup)
    supervisor.start("relay", lambda: relay(relay_outbox, relay_wakeup))


def start_consumers(*subscriptions: Subscription) -> StartLoops:
    """Return a function that starts these consumers, each in its own loop."""

    async def start(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
        sources = await container.get(EventSources)
        for each in subscriptions:
            consumer = Consumer(
                each.topic,
                await container.get(each.handler),
                await container.get(KnownOrders),
                await container.get(DeadLetterMessage),
                each.concurrency,
            )
            source = sources.subscribe(each.topic, each.group)
            supervisor.start(f"consumer {each.group}", partial(consumer.run, source))

    return start


async def start_watchdog(
    container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack
) -> None:
    """Start the watchdog if the storage has its own server."""
    watch = (await container.get(StorageLifecycle)).watch
    if watch is not None:
        supervisor.start("watchdog", lambda: every(watchdog.PERIOD, watch))


async def start_metrics(
    container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack
) -> None:
    """Share the gauges of this API worker with the other workers."""
    if IS_SHARED:
        metrics = await container.get(Metrics)
        supervisor.start("metrics", lambda: every(SHARE_SECONDS, metrics.share))
