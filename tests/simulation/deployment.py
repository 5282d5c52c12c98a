"""Two processes of each role, their clients, and the faults that hit them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Final

from entrypoints.composition.loops import StartLoops, start_consumers, start_relay
from entrypoints.messaging.subscriptions import SUBSCRIPTIONS
from tests.simulation.process import SimulatedProcess
from tests.simulation.queue import start_worker
from tests.simulation.world import World

_EACH: Final = 2
_ROLES: Final[Mapping[str, Sequence[StartLoops]]] = {
    "api": (),
    "relay": (start_relay,),
    "consumer": (start_consumers(SUBSCRIPTIONS[0]),),
    "worker": (start_worker,),
}
_RESTART_SECONDS: Final = (0.1, 1.0, 5.0)
_FAULT_SECONDS: Final = (0.5, 2.0, 5.0, 12.0)
_PAUSE_SECONDS: Final = (1.0, 0.1, 3.0, 6.0)


class Deployment:
    """All processes. A process that has ended is started again after a while."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = 0
        self._places: dict[tuple[str, int], SimulatedProcess] = {}

    @property
    def apis(self) -> Sequence[SimulatedProcess]:
        """The current API processes."""
        return [process for (role, _), process in self._places.items() if role == "api"]

    @property
    def processes(self) -> Sequence[SimulatedProcess]:
        """The current processes."""
        return list(self._places.values())

    def _start(self, role: str, number: int) -> None:
        self._numbers += 1
        process = SimulatedProcess(f"{role} {self._numbers}", self.world, *_ROLES[role])
        self._places[role, number] = process
        process.start()

    async def keep_running(self) -> None:
        """Start all processes, and start each one again that has ended, forever."""
        for role in _ROLES:
            for number in range(_EACH):
                self._start(role, number)
        while True:
            await asyncio.sleep(0.5)
            for (role, number), process in list(self._places.items()):
                if process.is_dead:
                    wait = self.world.choices.draw("restart", len(_RESTART_SECONDS))
                    await asyncio.sleep(_RESTART_SECONDS[wait])
                    self._start(role, number)
                    self.world.note(f"{self._places[role, number]} replaces {process}")

    async def hurt(self, until: float) -> None:
        """Inject one fault after the other until this time. Some overlap."""
        choices = self.world.choices
        async with asyncio.TaskGroup() as faults:
            while self.world.loop.time() < until:
                await asyncio.sleep(_PAUSE_SECONDS[choices.draw("wait", len(_PAUSE_SECONDS))])
                chosen = choices.draw("fault", len(FAULTS) + 1)
                if chosen:
                    fault = FAULTS[chosen - 1]
                    self.world.faults[fault.__name__.replace("_", " ")] += 1
                    faults.create_task(fault(self))

    async def end(self) -> None:
        """End all processes."""
        for process in self._places.values():
            process.kill()
        await asyncio.sleep(1.0)

    def choose(self) -> SimulatedProcess:
        """Return a process."""
        return self.processes[self.world.choices.draw("process", len(self._places))]

    async def wait(self) -> None:
        """Wait until a fault ends."""
        seconds = _FAULT_SECONDS[self.world.choices.draw("length", len(_FAULT_SECONDS))]
        await asyncio.sleep(seconds)


async def kill(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} is killed")
    process.kill()


async def freeze(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} freezes")
    process.freeze()
    await deployment.wait()
    process.thaw()
    deployment.world.note(f"{process} thaws")


async def stop(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} is stopped")
    await process.stop()


async def storage_outage(deployment: Deployment) -> None:
    deployment.world.note("the storage is down")
    deployment.world.is_storage_down = True
    await deployment.wait()
    deployment.world.is_storage_down = False
    deployment.world.note("the storage is back")


async def cache_outage(deployment: Deployment) -> None:
    world = deployment.world
    world.note("the cache is down")
    world.is_cache_down = True
    world.cache_outages += 1
    await deployment.wait()
    world.is_cache_down = False
    world.note("the cache is back")


async def cut_off_from_the_cache(deployment: Deployment) -> None:
    process = deployment.choose()
    deployment.world.note(f"{process} is cut off from the cache")
    deployment.world.cut_off.add(process)
    deployment.world.cache_outages += 1
    await deployment.wait()
    deployment.world.cut_off.discard(process)
    deployment.world.note(f"{process} reaches the cache again")


async def emptied_cache(deployment: Deployment) -> None:
    deployment.world.note("the cache is emptied")
    await deployment.world.cache.invalidate_all()


async def broker_outage(deployment: Deployment) -> None:
    deployment.world.note("the broker is down")
    deployment.world.broker.is_down = True
    await deployment.wait()
    deployment.world.broker.is_down = False
    deployment.world.note("the broker is back")


async def partition_outage(deployment: Deployment) -> None:
    partition = deployment.world.choices.draw("partition", 3)
    deployment.world.note(f"partition {partition} is down")
    deployment.world.broker.partitions_down.add(partition)
    await deployment.wait()
    deployment.world.broker.partitions_down.discard(partition)
    deployment.world.note(f"partition {partition} is back")


async def lost_acknowledgements(deployment: Deployment) -> None:
    broker = deployment.world.broker
    deployment.world.note("acknowledgements get lost")
    broker.acknowledges = deployment.world.choices.draw("acknowledged", 3)
    await deployment.wait()
    broker.acknowledges = None
    deployment.world.note("acknowledgements arrive again")


async def duplicate_deliveries(deployment: Deployment) -> None:
    deployment.world.note("the broker delivers messages again")
    deployment.world.broker.rewind(1 + deployment.world.choices.draw("rewind", 4))


async def queue_outage(deployment: Deployment) -> None:
    deployment.world.note("the queue is down")
    deployment.world.queue.is_down = True
    await deployment.wait()
    deployment.world.queue.is_down = False
    deployment.world.note("the queue is back")


async def emptied_queue(deployment: Deployment) -> None:
    deployment.world.note("the queue is emptied")
    deployment.world.queue.tasks.clear()


FAULTS: Final[Sequence[Callable[[Deployment], Coroutine[None, None, None]]]] = (
    kill,
    freeze,
    stop,
    storage_outage,
    cache_outage,
    cut_off_from_the_cache,
    emptied_cache,
    broker_outage,
    partition_outage,
    lost_acknowledgements,
    duplicate_deliveries,
    queue_outage,
    emptied_queue,
)
