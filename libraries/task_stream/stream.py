"""The keys of the task queue: a stream, a set of delayed tasks, a register of workers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.commands.core import AsyncScript
from redis.exceptions import ResponseError

from libraries.redis_client.errors import translated_errors
from libraries.task_stream import connections
from libraries.task_stream.connections import QueueConnections
from libraries.task_stream.scripts import ADD, HEARTBEAT, LEAVE, SETTLE, Added

#: The consumer group of all workers.
_GROUP: Final = "workers"
#: The fields of an entry.
_TASK, _ID = b"task", b"id"
#: Seconds that a read waits for a task: while there are tasks, and when idle. A task ends the wait.
_BLOCK_SECONDS: Final = 1.0
_IDLE_BLOCK_SECONDS: Final = 5.0
#: The keys beside the stream, in the order of the scripts; and the place of the index.
_KINDS: Final = ("delayed", "known", "workers")
_KNOWN: Final = 2
#: Tasks that one read returns at most. A full worker delays the tasks that it has read.
_READ_COUNT: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the stream: a task, a foreign entry, or a deleted one, which has no fields."""

    id: str
    fields: Mapping[bytes, bytes]

    @property
    def payload(self) -> bytes:
        """The task, or a description of the entry if it is not one."""
        return self.fields.get(_TASK) or repr(self.fields).encode()

    @property
    def task_id(self) -> str:
        """The task's id; a foreign entry has its entry's."""
        return self.fields.get(_ID, self.id.encode()).decode(errors="replace")


class TaskStream:
    """The queue as one process uses it; the first read makes the process a worker.

    A delivered task stays in the stream until it is settled. A worker sends heartbeats; the other
    workers reclaim the tasks of a dead one. All keys share a hash tag, so that they are in one
    slot of a Redis Cluster.

    Raises:
        RedisUnavailable: from every method, for every error.
    """

    def __init__(
        self, url: str, prefix: str, worker: str, max_tasks: int, dead_after_seconds: float
    ) -> None:
        self._connections = QueueConnections(url)
        # A blocking read has a connection of its own, with a timeout of its own.
        self._reading = QueueConnections(url, blocks=True)
        self._keys = keys_of_queue(prefix)
        self._stream = self._keys[0]
        self._worker = worker
        self._max_tasks = max_tasks
        self._dead_after_ms = _ms(dead_after_seconds)
        self._scripts: dict[str, AsyncScript] = {}
        #: The entry behind which the next read begins; None before this worker has joined.
        self._next: str | None = None

    async def close(self) -> None:
        """Close all connections."""
        with translated_errors():
            await self._reading.close()
            await self._connections.close()

    async def add(self, task_id: str, payload: bytes, delay_seconds: float = 0) -> Added:
        """Add a task that is due after `delay_seconds`, unless it is in the queue already."""
        arguments = self._max_tasks, task_id, payload, _ms(delay_seconds)
        return Added(await self._run(ADD, *arguments))

    async def read(self, *, is_idle: bool = False) -> Sequence[Entry]:
        """Return the next tasks, or none after a while, which is longer if `is_idle`.

        After an error this worker joins again, because a flushed Redis has lost the group. Every
        task that was delivered to it and not settled is returned again.
        """
        try:
            if self._next is None:
                await self._join()
                self._next = "0"
            return await self._read(self._next, _IDLE_BLOCK_SECONDS if is_idle else _BLOCK_SECONDS)
        except BaseException:
            self.reread()
            raise

    def reread(self) -> None:
        """Start the next read with the tasks that were delivered and not settled."""
        self._next = None

    async def _join(self) -> None:
        await self.heartbeat(reclaim=False)
        with translated_errors():
            client = await self._connections.client()
            try:
                # From the beginning: tasks may have been added before the group was made.
                await client.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)
            except ResponseError as refusal:
                if not str(refusal).startswith("BUSYGROUP"):
                    raise

    async def _read(self, start: str, block_seconds: float) -> Sequence[Entry]:
        is_new = start == ">"
        with translated_errors():
            async with asyncio.timeout(block_seconds + connections.ANSWER_SECONDS):
                client = await self._reading.client()
                answer: Any = await client.xreadgroup(
                    _GROUP,
                    self._worker,
                    {self._stream: start},
                    count=_READ_COUNT,
                    block=_ms(block_seconds) if is_new else None,
                )
            entries = [_entry(*each) for _, found in answer or () for each in found]
        if not is_new:
            self._next = entries[-1].id if entries else ">"
        return entries

    async def settle(
        self, entry_id: str, task_id: str, payload: bytes = b"", delay_seconds: float = 0
    ) -> None:
        """Delete a task; with a payload, put that in its place, due after `delay_seconds`.

        Do nothing if this worker does not hold the task any more.
        """
        await self._run(SETTLE, _GROUP, entry_id, task_id, payload, _ms(delay_seconds))

    async def heartbeat(self, *, reclaim: bool) -> int:
        """Record that this worker is alive, and move due tasks to the stream.

        `reclaim`: also put back the tasks of dead workers, and remove these from the register.
        Return the number of tasks that wait, run or are delayed.
        """
        arguments = _GROUP, self._worker, self._dead_after_ms, int(reclaim)
        return int(await self._run(HEARTBEAT, *arguments))

    async def is_empty(self) -> bool:
        """Return whether the index is empty: one cheap command, for an idle worker."""
        with translated_errors():
            client = await self._connections.client()
            known: Any = await client.exists(self._keys[_KNOWN])
        return not known

    async def leave(self) -> None:
        """Put back the tasks that this worker holds, and remove it from the register."""
        await self._run(LEAVE, _GROUP, self._worker)

    async def _run(self, source: str, *arguments: str | int | bytes) -> Any:
        with translated_errors():
            client = await self._connections.client()
            if source not in self._scripts:
                self._scripts[source] = client.register_script(source)
            return await self._scripts[source](self._keys, arguments)


def keys_of_queue(prefix: str) -> Sequence[str]:
    """Return the stream, and the keys beside it in the order of the scripts."""
    stream = f"{prefix}{{tasks}}"
    return [stream, *(f"{stream}:{kind}" for kind in _KINDS)]


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    return Entry(entry_id.decode(), fields or {})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
