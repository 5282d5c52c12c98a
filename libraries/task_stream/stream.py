"""The task queue's keys in Redis: a stream, its delayed tasks, an index and the workers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.commands.core import AsyncScript
from redis.exceptions import ResponseError

from libraries.redis_client.errors import translated_errors
from libraries.task_stream import connections
from libraries.task_stream.additions import Addition, Additions
from libraries.task_stream.connections import QueueConnections
from libraries.task_stream.scripts import ADD, HEARTBEAT, LEAVE, SETTLE, Added
from libraries.task_stream.settlements import Settlement

#: The consumer group that all workers belong to.
_GROUP: Final = "workers"
#: The fields of a stream entry.
_TASK, _ID = b"task", b"id"
#: How long a read waits for a task while there are tasks, and how long if the worker is idle.
_BLOCK_SECONDS: Final = 1.0
_IDLE_BLOCK_SECONDS: Final = 5.0
#: The suffixes of the other keys, in the same order as in the scripts.
_KINDS: Final = ("delayed", "known", "workers")
_KNOWN: Final = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream entry. It is a task, something else, or a deleted entry (without any fields)."""

    id: str
    fields: Mapping[bytes, bytes]

    @property
    def payload(self) -> bytes:
        """The task, or a description of the entry if it isn't a task."""
        return self.fields.get(_TASK) or repr(self.fields).encode()

    @property
    def task_id(self) -> str:
        """The task's id, or the entry's id if it isn't a task."""
        return self.fields.get(_ID, self.id.encode()).decode(errors="replace")


class TaskStream:
    """One process's access to the queue. The process becomes a worker with its first read.

    Delivered tasks stay in the stream until they are settled. Workers send heartbeats, and reclaim
    the tasks of dead workers. All keys have the same hash tag, which puts them in the same slot of
    a Redis Cluster.

    Raises:
        RedisUnavailable: for all errors, from all methods.
    """

    def __init__(
        self, url: str, prefix: str, worker: str, max_tasks: int, dead_after_seconds: float
    ) -> None:
        self._connections = QueueConnections(url)
        # Blocking reads need a separate connection with a different timeout.
        self._reading = QueueConnections(url, blocks=True)
        self._keys = keys_of_queue(prefix)
        self._stream = self._keys[0]
        self._worker = worker
        self._max_tasks = max_tasks
        self._dead_after_ms = _ms(dead_after_seconds)
        self._scripts: dict[str, AsyncScript] = {}
        self._additions = Additions(self._add_all)
        #: The next read starts after this entry. None if this worker has not joined yet.
        self._next: str | None = None

    async def close(self) -> None:
        """Close all connections."""
        with translated_errors():
            await self._reading.close()
            await self._connections.close()

    async def add(self, task_id: str, payload: bytes, delay_seconds: float = 0) -> Added:
        """Add a task that is due after `delay_seconds`, unless it is already in the queue.

        Concurrent calls share a round trip.
        """
        return await self._additions(Addition(task_id, payload, _ms(delay_seconds)))

    async def _add_all(self, additions: Sequence[Addition]) -> Sequence[Added]:
        arguments = [value for addition in additions for value in addition]
        return [Added(each) for each in await self._run(ADD, self._max_tasks, *arguments)]

    async def read(self, count: int, *, is_idle: bool = False) -> Sequence[Entry]:
        """Return up to `count` tasks, or none after a timeout, which is longer if `is_idle`.

        After an error, this worker joins again because Redis may have been flushed, and then the
        group is gone. Tasks that have been delivered to it but not settled are returned again.
        """
        try:
            if self._next is None:
                await self._join()
                self._next = "0"
            block_seconds = _IDLE_BLOCK_SECONDS if is_idle else _BLOCK_SECONDS
            return await self._read(self._next, count, block_seconds)
        except BaseException:
            self.reread()
            raise

    def reread(self) -> None:
        """Make the next read start with tasks that have been delivered but not settled."""
        self._next = None

    async def _join(self) -> None:
        await self.heartbeat(reclaim=False)
        with translated_errors():
            client = await self._connections.client()
            try:
                # Start at the beginning, because tasks may have been added before the group.
                await client.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)
            except ResponseError as refusal:
                if not str(refusal).startswith("BUSYGROUP"):
                    raise

    async def _read(self, start: str, count: int, block_seconds: float) -> Sequence[Entry]:
        is_new = start == ">"
        with translated_errors():
            async with asyncio.timeout(block_seconds + connections.ANSWER_SECONDS):
                client = await self._reading.client()
                answer: Any = await client.xreadgroup(
                    _GROUP,
                    self._worker,
                    {self._stream: start},
                    count=count,
                    block=_ms(block_seconds) if is_new else None,
                )
            entries = [_entry(*each) for _, found in answer or () for each in found]
        if not is_new:
            self._next = entries[-1].id if entries else ">"
        return entries

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Delete tasks, or replace them with their retries.

        Does nothing to tasks that this worker no longer holds.
        """
        arguments: list[str | int | bytes] = []
        for entry_id, task_id, retry in settlements:
            payload, delay_seconds = (retry.payload, retry.delay_seconds) if retry else (b"", 0)
            arguments += (entry_id, task_id, payload, _ms(delay_seconds))
        await self._run(SETTLE, _GROUP, *arguments)

    async def heartbeat(self, *, reclaim: bool) -> int:
        """Record that this worker is alive, and move due tasks to the stream.

        If `reclaim` is set, this also puts back dead workers' tasks and removes these workers.
        Returns the number of tasks that are waiting, running or delayed.
        """
        arguments = _GROUP, self._worker, self._dead_after_ms, int(reclaim)
        return int(await self._run(HEARTBEAT, *arguments))

    async def is_empty(self) -> bool:
        """Return whether the index is empty. This is a single command, so it's cheap to poll."""
        with translated_errors():
            client = await self._connections.client()
            known: Any = await client.exists(self._keys[_KNOWN])
        return not known

    async def leave(self) -> None:
        """Put back all tasks that this worker holds, and remove the worker."""
        await self._run(LEAVE, _GROUP, self._worker)

    async def _run(self, source: str, *arguments: str | int | bytes) -> Any:
        with translated_errors():
            client = await self._connections.client()
            if source not in self._scripts:
                self._scripts[source] = client.register_script(source)
            return await self._scripts[source](self._keys, arguments)


def keys_of_queue(prefix: str) -> Sequence[str]:
    """Return the stream's key and the other keys, in the same order as in the scripts."""
    stream = f"{prefix}{{tasks}}"
    return [stream, *(f"{stream}:{kind}" for kind in _KINDS)]


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    return Entry(entry_id.decode(), fields or {})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
