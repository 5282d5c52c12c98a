"""The task queue as Redis sees it: a stream, a set of delayed tasks, a register of workers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.commands.core import AsyncScript
from redis.exceptions import ResponseError

from libraries.task_stream import redis_server as server
from libraries.task_stream.redis_server import QueueServer, errors_as_ours
from libraries.task_stream.scripts import ADD, LEAVE, SETTLE, TICK, Added

#: All workers share the work.
_GROUP: Final = "workers"
#: The fields of an entry.
_TASK, _ID = b"task", b"id"
#: Seconds that a read waits for a task: while there are tasks, and at rest. The next task ends it.
_BLOCK_SECONDS: Final = 1.0
_BLOCK_AT_REST_SECONDS: Final = 5.0
#: The keys beside the stream, in the order of the scripts; and the place of the index.
_KINDS: Final = ("delayed", "known", "workers")
_KNOWN: Final = 2
#: Tasks that one read takes at most; those of a worker that is full wait for it alone.
_AT_A_TIME: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the stream: a task, or something foreign, or nothing any more."""

    id: str
    fields: Mapping[bytes, bytes]

    @property
    def payload(self) -> bytes:
        """The task; if there is none, a description of the entry."""
        return self.fields.get(_TASK) or repr(self.fields).encode()

    @property
    def task_id(self) -> str:
        """The task's id; an entry that was not written by us has its own."""
        return self.fields.get(_ID, self.id.encode()).decode(errors="replace")


class TaskStream:
    """One process's access to the queue, and its membership in it once it reads.

    A delivered task stays in the stream until it is settled. A worker shows every now and then
    that it lives; the other workers put back the tasks of a dead one. All keys share a hash tag,
    so that they are in one slot of a Redis Cluster.

    Raises:
        QueueUnavailable: from every method, whatever was wrong.
    """

    def __init__(self, url: str, prefix: str, worker: str, longest: int, dead_after: float) -> None:
        self._server = QueueServer(url)
        # A blocking read has a connection of its own, with a deadline of its own.
        self._reading = QueueServer(url, blocks=True)
        self._keys = keys_of_queue(prefix)
        self._stream = self._keys[0]
        self._worker = worker
        self._longest = longest
        self._dead_after = round(dead_after * 1000)
        self._scripts: dict[str, AsyncScript] = {}
        #: Where the next read begins; None before this worker has joined.
        self._next: str | None = None

    async def close(self) -> None:
        """Close all connections."""
        with errors_as_ours():
            await self._reading.close()
            await self._server.close()

    async def add(self, task_id: str, payload: bytes, delay: float = 0) -> Added:
        """Add a task that is due after `delay` seconds, unless it is in the queue already."""
        return Added(await self._run(ADD, self._longest, task_id, payload, _ms(delay)))

    async def read(self, *, at_rest: bool = False) -> Sequence[Entry]:
        """Return the next tasks, or none after a while, which is longer `at_rest`.

        After a disturbance (a flushed Redis has lost the group, too) this worker joins again, and
        every task that was delivered to it and not settled comes again.
        """
        try:
            if self._next is None:
                await self._join()
                self._next = "0"
            return await self._read(
                self._next, _BLOCK_AT_REST_SECONDS if at_rest else _BLOCK_SECONDS
            )
        except BaseException:
            self.reread()
            raise

    def reread(self) -> None:
        """Let the next read begin with the tasks that were delivered and not settled."""
        self._next = None

    async def _join(self) -> None:
        await self.tick(bury=False)
        with errors_as_ours():
            client = await self._server.client()
            try:
                # From the beginning: what came before the group was made is work all the same.
                await client.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)
            except ResponseError as refusal:
                if not str(refusal).startswith("BUSYGROUP"):
                    raise

    async def _read(self, begin: str, block_seconds: float) -> Sequence[Entry]:
        is_news = begin == ">"
        with errors_as_ours():
            async with asyncio.timeout(block_seconds + server.ANSWER_SECONDS):
                client = await self._reading.client()
                answer: Any = await client.xreadgroup(
                    _GROUP,
                    self._worker,
                    {self._stream: begin},
                    count=_AT_A_TIME,
                    block=_ms(block_seconds) if is_news else None,
                )
            entries = [_entry(*each) for _, found in answer or () for each in found]
        if not is_news:
            self._next = entries[-1].id if entries else ">"
        return entries

    async def settle(
        self, entry_id: str, task_id: str, payload: bytes = b"", delay: float = 0
    ) -> None:
        """Take a task out of the queue; with a payload, put that in its place, due after `delay`.

        If this worker does not hold the task any more, nothing changes.
        """
        await self._run(SETTLE, _GROUP, entry_id, task_id, payload, _ms(delay))

    async def tick(self, *, bury: bool) -> int:
        """Show that this worker lives, and move due tasks to the stream.

        `bury`: put back the tasks of dead workers, and forget these. Return the number of tasks
        that wait, run or are delayed.
        """
        return int(await self._run(TICK, _GROUP, self._worker, self._dead_after, int(bury)))

    async def is_empty(self) -> bool:
        """Return whether the index knows no task: one command, for a worker at rest."""
        with errors_as_ours():
            client = await self._server.client()
            known: Any = await client.exists(self._keys[_KNOWN])
        return not known

    async def leave(self) -> None:
        """Put back the tasks that this worker holds, and forget it."""
        await self._run(LEAVE, _GROUP, self._worker)

    async def _run(self, source: str, *arguments: str | int | bytes) -> Any:
        with errors_as_ours():
            client = await self._server.client()
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
