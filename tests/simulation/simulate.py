"""Simulate one run, and check every promise at its end."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from structlog.testing import capture_logs

from tests.simulation.checks import audit_periodically, check_everything, settle
from tests.simulation.choices import Choices, Schedule
from tests.simulation.clients import Client
from tests.simulation.deployment import Deployment
from tests.simulation.faults import hurt
from tests.simulation.loop import EndlessRun, SimulatedLoop
from tests.simulation.world import World

#: How long clients send requests and faults happen, in virtual seconds.
_BUSY_SECONDS: Final = 30.0
_CLIENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a run. Without failures, all promises were kept."""

    seed: int
    schedule: Schedule
    failures: Sequence[str]
    trace: Sequence[str]
    faults: Counter[str]
    orders: int
    virtual_seconds: float


def simulate(seed: int, schedule: Schedule | None = None) -> Outcome:
    """Run a whole deployment with the choices from a seed, or with those of a schedule."""
    choices = Choices(seed, schedule)
    loop = SimulatedLoop(choices)
    world = World(loop, choices)
    with _quiet(), capture_logs():
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_run_until_failure(world))
        except EndlessRun as error:
            world.fail(str(error))
        finally:
            loop.close()
            asyncio.set_event_loop(None)
    return Outcome(
        seed,
        choices.schedule,
        world.failures,
        world.trace,
        world.faults,
        sum(1 for _ in world.storage.orders.newest_first(None, None, None)),
        loop.time(),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Don't log, and don't collect garbage, which would end coroutines at random times."""
    logging.disable()
    gc.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()


async def _run_until_failure(world: World) -> None:
    deployment = Deployment(world)
    run = asyncio.create_task(_run(world, deployment))
    failure = asyncio.create_task(world.has_failed.wait())
    await asyncio.wait({run, failure}, return_when=asyncio.FIRST_COMPLETED)
    for task in (run, failure):
        task.cancel()
    await deployment.end()
    await asyncio.gather(run, failure, return_exceptions=True)
    if not world.failures:
        run.result()


async def _run(world: World, deployment: Deployment) -> None:
    clients = [Client(deployment, number) for number in range(_CLIENTS)]
    async with asyncio.TaskGroup() as group:
        restarts = group.create_task(deployment.keep_running())
        audits = group.create_task(audit_periodically(world))
        await _use_and_hurt(deployment, clients)
        world.note("the faults have ended")
        await settle(world)
        restarts.cancel()
        audits.cancel()
    await check_everything(world, clients)


async def _use_and_hurt(deployment: Deployment, clients: Sequence[Client]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(hurt(deployment, _BUSY_SECONDS))
        for client in clients:
            group.create_task(client.run(_BUSY_SECONDS))
    deployment.world.may_kill = False
    deployment.world.shop.is_repaired = True
