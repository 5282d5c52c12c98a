"""Two processes of each role."""

import asyncio
from collections.abc import Mapping, Sequence
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
    "consumer": (start_consumers(*SUBSCRIPTIONS),),
    "worker": (start_worker,),
}
_RESTART_SECONDS: Final = (0.1, 1.0, 5.0)


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

    async def end(self) -> None:
        """End all processes."""
        for process in self._places.values():
            process.kill()
        await asyncio.sleep(1.0)

    def choose(self) -> SimulatedProcess:
        """Return a process."""
        processes = list(self._places.values())
        return processes[self.world.choices.draw("process", len(processes))]

    def choose_host(self) -> Sequence[SimulatedProcess]:
        """Return one process of each role."""
        host = self.world.choices.draw("host", _EACH)
        return [process for (_, number), process in self._places.items() if number == host]
