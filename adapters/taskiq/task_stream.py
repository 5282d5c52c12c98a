"""The task queue as Redis sees it: a stream, a set of delayed tasks, a register of workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from adapters.taskiq.stream_scripts import ADD, LEAVE, SETTLE, TICK

#: All workers share the work.
_GROUP: Final = "workers"
_FIELD: Final = b"task"
#: Seconds that a read waits for a task, and that any answer may take.
_BLOCK, _ANSWER = 1.0, 2.0
#: Tasks that one read takes at most; those of a worker that is full wait for it alone.
_AT_A_TIME: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the stream: a task, or something of nobody's, or nothing any more."""

    id: str
    fields: Mapping[bytes, bytes]

    @property
    def payload(self) -> bytes:
        """The task; where there is none, what stands in its place."""
        return self.fields.get(_FIELD) or repr(self.fields).encode()


class TaskStream:
    """One process's access to the queue, and its membership in it once it reads.

    What is delivered stays in the stream until it is settled. A worker shows every now and then
    that it lives; what a dead one held is put back by the others.
    """

    def __init__(self, url: str, prefix: str, worker: str, longest: int, dead_after: float) -> None:
        self._redis = Redis.from_pool(_pool(url))
        self._stream = f"{prefix}tasks"
        self._delayed = f"{prefix}tasks:delayed"
        self._workers = f"{prefix}tasks:workers"
        self._worker = worker
        self._longest = longest
        self._dead_after = round(dead_after * 1000)
        self._add, self._settle, self._tick, self._leave = (
            self._redis.register_script(source) for source in (ADD, SETTLE, TICK, LEAVE)
        )
        #: Where the next read begins; None before this worker has joined.
        self._next: str | None = None

    async def close(self) -> None:
        """Let go of all connections."""
        await self._redis.aclose()

    async def add(self, payload: bytes, delay: float = 0) -> bool:
        """Add a task that is due after `delay` seconds; False where the queue is full."""
        arguments: list[int | bytes] = [self._longest, payload, _ms(delay)]
        return bool(await self._add([self._stream, self._delayed], arguments))

    async def read(self) -> Sequence[Entry]:
        """The next tasks, or none after a while.

        After a disturbance (a flushed Redis has lost the group, too) this worker joins again, and
        whatever was delivered to it and not settled comes again.
        """
        try:
            if self._next is None:
                await self._join()
                self._next = "0"
            return await self._read(self._next)
        except BaseException:
            self._next = None
            raise

    async def _join(self) -> None:
        await self.tick(bury=False)
        try:
            # From the beginning: what came before the group was made is work all the same.
            await self._redis.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)
        except ResponseError as refusal:
            if not str(refusal).startswith("BUSYGROUP"):
                raise

    async def _read(self, begin: str) -> Sequence[Entry]:
        is_news = begin == ">"
        answer: Any = await self._redis.xreadgroup(
            _GROUP,
            self._worker,
            {self._stream: begin},
            count=_AT_A_TIME,
            block=_ms(_BLOCK) if is_news else None,
        )
        entries = [_entry(*each) for _, found in answer or () for each in found]
        if not is_news:
            self._next = entries[-1].id if entries else ">"
        return entries

    async def settle(self, entry_id: str, payload: bytes = b"", delay: float = 0) -> None:
        """Take a task out of the queue; with a payload, put that in its place, due after `delay`.

        Whoever holds the task no more changes nothing.
        """
        arguments: list[str | int | bytes] = [_GROUP, entry_id, payload, _ms(delay)]
        await self._settle([self._stream, self._delayed], arguments)

    async def tick(self, *, bury: bool) -> None:
        """Show that this worker lives, and move what is due to the stream.

        `bury`: put back what dead workers hold, and forget them.
        """
        keys = [self._stream, self._delayed, self._workers]
        await self._tick(keys, [_GROUP, self._worker, self._dead_after, int(bury)])

    async def leave(self) -> None:
        """Put back what this worker holds, and forget it."""
        await self._leave([self._stream, self._workers], [_GROUP, self._worker])


def _pool(url: str) -> ConnectionPool:
    pool = ConnectionPool.from_url(url)
    pool.connection_kwargs.update(
        socket_timeout=_ANSWER,
        socket_connect_timeout=_ANSWER,
        # Whoever called knows better whether, and when, to try again.
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        protocol=2,
        driver_info=None,
    )
    return pool


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    return Entry(entry_id.decode(), fields or {})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
