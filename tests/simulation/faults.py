"""The faults that hit a simulated deployment. Each one ends after a while, and some overlap."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from tests.simulation.broker import PARTITIONS
from tests.simulation.deployment import Deployment
from tests.simulation.world import World

_LENGTHS_SECONDS: Final = (0.5, 2.0, 5.0, 12.0)
_PAUSES_SECONDS: Final = (1.0, 0.1, 3.0, 6.0)

Fault = Callable[[Deployment], Coroutine[None, None, None]]


async def hurt(deployment: Deployment, until: float) -> None:
    """Inject one fault after the other until this time."""
    world, choices = deployment.world, deployment.world.choices
    async with asyncio.TaskGroup() as faults:
        while world.loop.time() < until:
            await asyncio.sleep(_PAUSES_SECONDS[choices.draw("wait", len(_PAUSES_SECONDS))])
            chosen = choices.draw("fault", len(FAULTS) + 1)
            if chosen:
                name = list(FAULTS)[chosen - 1]
                world.faults[name] += 1
                faults.create_task(FAULTS[name](deployment))


async def _last(world: World) -> None:
    """Let a fault last for a while."""
    seconds = _LENGTHS_SECONDS[world.choices.draw("length", len(_LENGTHS_SECONDS))]
    await asyncio.sleep(seconds)


# --- Processes


async def _kill(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} is killed")
    process.kill()


async def _stop(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} is stopped")
    await process.stop()


async def _freeze(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} freezes")
    process.freeze()
    await _last(deployment.world)
    process.thaw()
    deployment.world.note(f"{process} thaws")


# --- Servers


async def _outage(
    server: str, part: Callable[[World], Any], flag: str, deployment: Deployment
) -> None:
    """Set a flag of a server, and clear it after a while."""
    world = deployment.world
    world.note(f"{server} is down")
    setattr(part(world), flag, True)
    await _last(world)
    setattr(part(world), flag, False)
    world.note(f"{server} is back")


async def _cache_outage(deployment: Deployment) -> None:
    deployment.world.cache_outages += 1
    await _outage("the cache", lambda world: world, "is_cache_down", deployment)


async def _cut_off_from_the_cache(deployment: Deployment) -> None:
    process, world = deployment.choose(), deployment.world
    world.note(f"{process} is cut off from the cache")
    world.cut_off.add(process)
    world.cache_outages += 1
    await _last(world)
    world.cut_off.discard(process)
    world.note(f"{process} reaches the cache again")


async def _host_cut_off_from_the_cache(deployment: Deployment) -> None:
    """Cut off one process of each role."""
    world, processes = deployment.world, deployment.choose_host()
    world.note(f"{', '.join(map(str, processes))} are cut off from the cache")
    world.cut_off.update(processes)
    world.cache_outages += 1
    await _last(world)
    world.cut_off.difference_update(processes)
    world.note("the host reaches the cache again")


async def _emptied_cache(deployment: Deployment) -> None:
    deployment.world.note("the cache is emptied")
    await deployment.world.cache.invalidate_all()


async def _emptied_queue(deployment: Deployment) -> None:
    deployment.world.note("the queue is emptied")
    deployment.world.queue.tasks.clear()


async def _repeated_tasks(deployment: Deployment) -> None:
    """Let the leases of running tasks expire, so that other workers run the same tasks."""
    deployment.world.note("running tasks are given to other workers, too")
    deployment.world.queue.expire_leases()


# --- The broker


async def _partition_outage(deployment: Deployment) -> None:
    world = deployment.world
    partition = world.choices.draw("partition", PARTITIONS)
    world.note(f"partition {partition} is down")
    world.broker.partitions_down.add(partition)
    await _last(world)
    world.broker.partitions_down.discard(partition)
    world.note(f"partition {partition} is back")


async def _lost_acknowledgements(deployment: Deployment) -> None:
    world = deployment.world
    world.note("acknowledgements get lost")
    world.broker.acknowledges = world.choices.draw("acknowledged", 3)
    await _last(world)
    world.broker.acknowledges = None
    world.note("acknowledgements arrive again")


async def _duplicate_deliveries(deployment: Deployment) -> None:
    world = deployment.world
    world.note("the broker delivers messages again")
    world.broker.rewind(1 + world.choices.draw("rewind", 4))


FAULTS: Final[Mapping[str, Fault]] = {
    "kill": _kill,
    "freeze": _freeze,
    "stop": _stop,
    "storage outage": partial(_outage, "the storage", lambda world: world, "is_storage_down"),
    "cache outage": _cache_outage,
    "cut off from the cache": _cut_off_from_the_cache,
    "host cut off from the cache": _host_cut_off_from_the_cache,
    "emptied cache": _emptied_cache,
    "broker outage": partial(_outage, "the broker", lambda world: world.broker, "is_down"),
    "partition outage": _partition_outage,
    "lost acknowledgements": _lost_acknowledgements,
    "duplicate deliveries": _duplicate_deliveries,
    "mail outage": partial(_outage, "the mail server", lambda world: world.mail, "is_down"),
    "queue outage": partial(_outage, "the queue", lambda world: world.queue, "is_down"),
    "emptied queue": _emptied_queue,
    "repeated tasks": _repeated_tasks,
}
