"""The task queue, in this process and on a real Redis that goes away at the worst moments."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Any, Final
from uuid import uuid4

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from taskiq import AsyncBroker

from adapters.taskiq import retry_policy
from adapters.taskiq.errors import logged_outages
from adapters.taskiq.queue import PROCESS_ORDER, TaskiqQueue
from adapters.taskiq.retry_policy import ProcessingRetryPolicy
from application.errors import (
    ConcurrentUpdate,
    ProcessingFailed,
    QueueUnavailable,
    Unavailable,
)
from domain.ids import OrderId
from libraries.asyncio_tools.heartbeat import Heartbeat, heartbeat
from libraries.outages import OutageLog
from libraries.task_stream import broker as broker_module
from libraries.task_stream import connections, in_process
from libraries.task_stream.broker import RedisStreamBroker
from libraries.task_stream.in_process import InProcessBroker
from libraries.task_stream.retries import DeadTask
from libraries.task_stream.stream import Entry, TaskStream
from libraries.task_stream.trace_middleware import TraceMiddleware
from libraries.task_stream.worker import Worker
from libraries.trace_context import current_traceparent
from tests.servers.plugin import NewServer, Shared
from tests.servers.server import Server
from tests.support.deadlines import LONG
from tests.support.orders import an_order_id
from tests.support.worker import work

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

#: Seconds after which a worker that shows no life counts as dead: in most tests no pause of this
#: machine makes it so, and in those of its death it does not have to be waited for.
DEAD_AFTER: Final = 10 * LONG
DEAD_SOON: Final = 1.0

#: Seconds until the second attempt.
DELAY = 0.01

Act = Callable[[str], Awaitable[None]]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not happened():  # noqa: ASYNC110 - whatever it is, it sets no event
            await asyncio.sleep(0.02)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LONG):
        while not await holds():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.02)


@dataclass
class Log:
    """What ran, and what was given up."""

    runs: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    dead: list[DeadTask] = field(default_factory=list)
    #: So often the next dead task cannot be kept.
    refuses: int = 0

    def task(self, act: Act) -> Callable[[str], Awaitable[None]]:
        async def process_order_task(order_id: str) -> None:
            self.runs.append(order_id)
            try:
                await act(order_id)
            except asyncio.CancelledError:
                self.stopped.append(order_id)
                raise
            self.done.append(order_id)

        return process_order_task

    def has_begun(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.runs) >= count

    def has_done(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.done) >= count

    async def dead_letter(self, task: DeadTask) -> None:
        if self.refuses:
            self.refuses -= 1
            raise Unavailable
        self.dead.append(task)


async def at_once(_: str) -> None:
    """Be done."""


def bad_luck() -> ProcessingFailed:
    """The order's own failure, as the use case marks it."""
    error = ProcessingFailed()
    error.__cause__ = RuntimeError("bad luck")
    return error


def failing(times: int, error: Exception) -> Act:
    left = times

    async def act(_: str) -> None:
        nonlocal left
        if left:
            left -= 1
            raise error

    return act


def lasting(seconds: float) -> Act:
    async def act(_: str) -> None:
        await asyncio.sleep(seconds)

    return act


class Held:
    """A task that lasts until it is released."""

    def __init__(self) -> None:
        self._released = asyncio.Event()
        self.release = self._released.set

    async def __call__(self, _: str) -> None:
        await self._released.wait()


def policy(log: Log) -> ProcessingRetryPolicy:
    return ProcessingRetryPolicy(
        log.dead_letter,
        backoff=lambda attempt: DELAY * attempt,
        outage_delay_seconds=0.01,
        bug_delay_seconds=0.01,
    )


@asynccontextmanager
async def running(broker: RedisStreamBroker, drain_seconds: float = LONG) -> AsyncIterator[None]:
    stop = asyncio.Event()
    worker = asyncio.create_task(work(broker, stop, max_running=10, drain_seconds=drain_seconds))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(2 * LONG):
            await worker


@asynccontextmanager
async def enqueuing(url: str, prefix: str, max_tasks: int = 1000) -> AsyncIterator[TaskiqQueue]:
    """A queue whose process runs no task."""
    broker = RedisStreamBroker(url, prefix, ProcessingRetryPolicy(), max_tasks=max_tasks)
    broker.add_middlewares(TraceMiddleware())
    try:
        yield TaskiqQueue(broker)
    finally:
        await broker.shutdown()


@dataclass(frozen=True)
class Corner:
    """A queue of a test's own on a Redis, and a look behind the curtain."""

    url: str
    prefix: str
    redis: Redis

    @property
    def stream(self) -> str:
        return f"{self.prefix}{{tasks}}"

    def worker(
        self,
        log: Log,
        act: Act = at_once,
        task: str = PROCESS_ORDER,
        dead_after: float = DEAD_AFTER,
    ) -> RedisStreamBroker:
        broker = RedisStreamBroker(
            self.url,
            self.prefix,
            policy(log),
            dead_after_seconds=dead_after,
            watch_read=logged_outages,
        )
        broker.add_middlewares(TraceMiddleware())
        broker.register_task(log.task(act), task_name=task)
        return broker

    def worker_to_be_killed(self, begun: Path) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.integration.task_worker"]
        return subprocess.Popen([*command, self.url, self.prefix, str(begun), "600"])

    def queue(self, max_tasks: int = 1000) -> Any:
        return enqueuing(self.url, self.prefix, max_tasks)

    async def left(self) -> int:
        """How many tasks are in it, whatever their state."""
        async with self.redis.pipeline(transaction=True) as both:  # tasks go from one to the other
            both.xlen(self.stream)
            both.zcard(f"{self.stream}:delayed")
            return sum(map(int, await both.execute()))

    async def is_delayed(self) -> bool:
        return bool(await self.redis.zcard(f"{self.stream}:delayed"))

    async def signs_of_life(self) -> dict[str, float]:
        """When each worker last showed that it lives."""
        shown: Any = await self.redis.zrange(f"{self.stream}:workers", 0, -1, withscores=True)
        return {name.decode(): at for name, at in shown}

    async def empty(self) -> None:
        await eventually(self.is_empty)

    async def is_empty(self) -> bool:
        return await self.left() == 0

    async def workers(self) -> set[str]:
        found = await self.redis.xinfo_consumers(self.stream, "workers")
        return {each["name"].decode() for each in found}


@asynccontextmanager
async def a_corner(url: str) -> AsyncIterator[Corner]:
    redis: Redis = Redis.from_url(url, protocol=2)
    try:
        yield Corner(url, f"{uuid4().hex}:", redis)
    finally:
        await redis.aclose()


@pytest.fixture
async def corner(redis_server: Shared) -> AsyncIterator[Corner]:
    async with a_corner(redis_server.url) as made:
        yield made


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def fragile(server: Server) -> AsyncIterator[Corner]:
    async with a_corner(server.url) as made:
        yield made


Brokered = Callable[[Log, Act], Any]


@pytest.fixture(params=["in process", "redis"])
def brokered(request: pytest.FixtureRequest) -> Brokered:
    """Makes a queue whose tasks are run."""

    @asynccontextmanager
    async def in_process(log: Log, act: Act) -> AsyncIterator[TaskiqQueue]:
        broker = InProcessBroker(10, policy(log)).with_middlewares(TraceMiddleware())
        broker.register_task(log.task(act), task_name=PROCESS_ORDER)
        await broker.startup()
        yield TaskiqQueue(broker)
        await broker.drain(LONG)
        await broker.shutdown()

    @asynccontextmanager
    async def on_redis(log: Log, act: Act) -> AsyncIterator[TaskiqQueue]:
        url = request.getfixturevalue("redis_server").url
        async with a_corner(url) as corner:
            broker: AsyncBroker
            async with corner.queue() as queue, running(broker := corner.worker(log, act)):
                yield queue
            assert broker.is_worker_process

    return in_process if request.param == "in process" else on_redis


async def test_what_is_handed_over_is_run(brokered: Brokered) -> None:
    log, orders = Log(), [an_order_id() for _ in range(50)]
    async with brokered(log, at_once) as queue:
        for order_id in orders:
            await queue.process_order(order_id)
        await until(log.has_done(len(orders)))
    assert sorted(log.runs) == sorted(map(str, orders))


async def test_a_task_belongs_to_the_trace_of_whoever_brought_it_however_often_it_runs(
    brokered: Brokered,
) -> None:
    log, causes, fails = Log(), list[str | None](), failing(1, bad_luck())

    async def act(order_id: str) -> None:
        causes.append(current_traceparent.get())
        await fails(order_id)

    async with brokered(log, act) as queue:
        for done, cause in enumerate(("one trace", None), start=1):
            token = current_traceparent.set(cause)
            await queue.process_order(an_order_id())
            current_traceparent.reset(token)
            await until(log.has_done(done))
    assert causes == ["one trace", "one trace", None]


async def test_a_task_that_fails_runs_again(brokered: Brokered) -> None:
    log, order_id = Log(), an_order_id()
    async with brokered(log, failing(4, bad_luck())) as queue:
        await queue.process_order(order_id)
        await until(lambda: bool(log.done))
    assert log.runs == [str(order_id)] * 5
    assert log.dead == []


async def test_a_task_that_fails_five_times_is_given_up_with_its_reason(brokered: Brokered) -> None:
    log, order_id, next_order = Log(), an_order_id(), an_order_id()

    async def act(order: str) -> None:
        if order == str(order_id):
            raise bad_luck()

    async with brokered(log, act) as queue:
        await queue.process_order(order_id)
        await until(lambda: bool(log.dead))
        await queue.process_order(next_order)
        await until(lambda: bool(log.done))
    assert Counter(log.runs) == {str(order_id): 5, str(next_order): 1}
    [dead] = log.dead
    assert dead.attempts == 5
    assert dead.reason == "RuntimeError: bad luck"
    assert str(order_id).encode() in dead.payload


@pytest.mark.parametrize(
    "error", [Unavailable(), QueueUnavailable(), ConcurrentUpdate(), ValueError("a bug around it")]
)
async def test_only_an_error_of_its_own_is_the_tasks_failure(
    brokered: Brokered, error: Exception
) -> None:
    log = Log()
    async with brokered(log, failing(6, error)) as queue:
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.done))
    assert len(log.runs) == 7
    assert log.dead == []


async def test_an_outage_is_two_warnings_and_no_traceback(
    brokered: Brokered, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "outages", OutageLog())
    log, is_away = Log(), True

    async def act(_: str) -> None:
        if is_away:
            raise Unavailable("It is being restarted.")

    async with brokered(log, act) as queue:
        for _ in range(5):
            await queue.process_order(an_order_id())
        await until(log.has_begun(20))
        is_away = False
        await until(log.has_done(5))
    assert [message for message in caplog.messages if "the database" in message] == [
        "the database is out of reach: It is being restarted.",
        "the database is in reach again",
    ]
    assert not [r for r in caplog.records if r.exc_info or r.levelname == "ERROR"]


async def test_an_order_that_waits_or_runs_is_not_added_again(brokered: Brokered) -> None:
    log, held, order_id = Log(), Held(), an_order_id()
    async with brokered(log, held) as queue:
        assert await queue.process_order(order_id)
        assert not await queue.process_order(order_id)
        await until(log.has_begun(1))
        assert not await queue.process_order(order_id)
        held.release()
        await until(log.has_done(1))
        await eventually(lambda: queue.process_order(order_id))
        await until(log.has_done(2))
    assert log.runs == [str(order_id)] * 2


async def test_an_order_that_waits_for_its_next_attempt_is_not_added_again(
    brokered: Brokered, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, order_id = Log(), an_order_id()
    monkeypatch.setattr(f"{__name__}.DELAY", 2.0)
    async with brokered(log, failing(1, bad_luck())) as queue:
        assert await queue.process_order(order_id)
        await until(log.has_begun(1))
        for _ in range(10):
            assert not await queue.process_order(order_id)
        await until(log.has_done(1))
    assert log.runs == [str(order_id)] * 2


async def test_an_order_that_was_given_up_may_be_put_back(brokered: Brokered) -> None:
    log, order_id = Log(), an_order_id()
    async with brokered(log, failing(5, bad_luck())) as queue:
        await queue.process_order(order_id)
        await until(lambda: bool(log.dead))
        await eventually(lambda: queue.process_order(order_id))
        await until(log.has_done(1))
    assert len(log.runs) == 6


async def test_a_dead_task_that_nobody_can_keep_is_not_given_up(brokered: Brokered) -> None:
    log = Log(refuses=2)
    async with brokered(log, failing(99, bad_luck())) as queue:
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.dead))
    assert len(log.runs) == 7


async def test_what_is_done_leaves_nothing_behind(corner: Corner) -> None:
    log = Log()
    async with corner.queue() as queue, running(corner.worker(log)):
        for _ in range(200):
            await queue.process_order(an_order_id())
        await until(log.has_done(200))
        await corner.empty()
        pending = await corner.redis.xpending(corner.stream, "workers")
        assert pending["pending"] == 0
        assert not await corner.redis.hlen(f"{corner.stream}:known")


async def test_two_workers_share_the_tasks_and_run_each_once(corner: Corner) -> None:
    one, other, held = Log(), Log(), Held()
    async with corner.queue() as queue:
        for _ in range(100):
            await queue.process_order(an_order_id())
        async with running(corner.worker(one, held)), running(corner.worker(other, held)):
            await until(lambda: bool(one.runs and other.runs))
            held.release()
            await until(lambda: len(one.done) + len(other.done) >= 100)
            await corner.empty()
    assert set(Counter(one.runs + other.runs).values()) == {1}


async def test_delayed_tasks_run_when_they_are_due_and_in_that_order(corner: Corner) -> None:
    log = Log()
    broker = corner.worker(log)
    late, early, now = (str(an_order_id()) for _ in range(3))
    task = broker.find_task(PROCESS_ORDER)
    assert task is not None
    begun = monotonic()
    await task.kicker().with_labels(delay=2.0).kiq(late)
    await task.kicker().with_labels(delay=0.8).kiq(early)
    await task.kicker().kiq(now)
    async with running(broker):
        await until(log.has_done(2))
        assert monotonic() - begun >= 0.7
        await until(log.has_done(3))
        assert monotonic() - begun >= 1.9
        await corner.empty()
    assert log.runs == [now, early, late]


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "no JSON"},
        {"task": '{"task_id": "1"}'},
        {"task": '{"task_id":"1","task_name":"x","args":[],"kwargs":{},"labels":{"attempts":"x"}}'},
        {"foreign": "entry"},
    ],
)
async def test_what_cannot_be_read_is_given_up_and_blocks_nothing(
    corner: Corner, fields: dict[str, str]
) -> None:
    log = Log(refuses=1)
    await corner.redis.xadd(corner.stream, dict(fields.items()))
    async with corner.queue() as queue, running(corner.worker(log)):
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.done and log.dead))
        await corner.empty()
    [dead] = log.dead
    assert dead.attempts == 0
    assert dead.reason.startswith("it cannot be read: ")
    assert next(iter(fields.values())).encode() in dead.payload


async def test_a_task_that_no_worker_here_knows_waits_for_one_that_does(corner: Corner) -> None:
    old, new, order_id = Log(), Log(), an_order_id()
    async with corner.queue() as queue:
        async with running(corner.worker(old, task="another")):
            await queue.process_order(order_id)
            await eventually(corner.is_delayed)
            assert await corner.left() == 1
        async with running(corner.worker(new)):
            await until(lambda: bool(new.done))
            await corner.empty()
    assert not old.runs
    assert not old.dead
    assert new.runs == [str(order_id)]


@pytest.mark.parametrize("kind", ["", ":delayed"])
async def test_what_redis_has_lost_is_added_again_whatever_the_index_says(
    corner: Corner, kind: str
) -> None:
    log, order_id = Log(), an_order_id()
    broker = corner.worker(log)
    async with corner.queue() as queue:
        assert await queue.process_order(order_id)
        if kind:
            while not await broker._stream.read():
                pass
            entries: Any = await corner.redis.xrange(corner.stream)
            [[entry, _]] = entries
            await broker._stream.settle(entry.decode(), str(order_id), b"a task", LONG)
        assert not await queue.process_order(order_id)
        await corner.redis.delete(f"{corner.stream}{kind}")
        assert await corner.redis.hlen(f"{corner.stream}:known") == 1
        assert await queue.process_order(order_id)
        async with running(broker):
            await until(log.has_done(1))
            await corner.empty()
        assert not await corner.redis.hlen(f"{corner.stream}:known")
    assert log.runs == [str(order_id)]


async def test_a_full_queue_in_this_process_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "_ADD_TIMEOUT_SECONDS", 0.05)
    log, held, order_id = Log(), Held(), an_order_id()
    broker = InProcessBroker(1, policy(log))
    broker.register_task(log.task(held), task_name=PROCESS_ORDER)
    queue = TaskiqQueue(broker)
    await queue.process_order(an_order_id())
    for _ in range(2):
        with pytest.raises(QueueUnavailable):
            await queue.process_order(order_id)
    held.release()
    monkeypatch.setattr(in_process, "_ADD_TIMEOUT_SECONDS", LONG)
    assert await queue.process_order(order_id)
    await until(log.has_done(2))
    await broker.drain(LONG)
    await broker.shutdown()


async def test_a_full_queue_takes_no_more_until_there_is_room(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    async with corner.queue(max_tasks=2) as queue:
        await queue.process_order(an_order_id())
        await queue.process_order(an_order_id())
        with monkeypatch.context() as impatient:
            impatient.setattr(broker_module, "_ADD_TIMEOUT_SECONDS", 0.3)
            async with asyncio.timeout(LONG):
                with pytest.raises(Unavailable):
                    await queue.process_order(an_order_id())
        bringing = asyncio.create_task(queue.process_order(an_order_id()))
        async with running(corner.worker(log)):
            await bringing
            await until(log.has_done(3))


async def test_a_worker_shows_that_it_lives_while_a_long_task_runs(corner: Corner) -> None:
    log, held = Log(), Held()
    async with corner.queue() as queue, running(worker := corner.worker(log, held)):
        await queue.process_order(an_order_id())
        await until(log.has_begun(1))
        begun = (await corner.signs_of_life())[worker.name]

        async def shows_it() -> bool:
            return (await corner.signs_of_life())[worker.name] > begun + 1_000

        await eventually(shows_it)
        held.release()
    assert len(log.runs) == 1


async def test_a_worker_that_is_full_of_long_tasks_shows_that_it_lives(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 0.0)
    log, held = Log(), Held()
    worker = corner.worker(log, held)
    async with corner.queue() as queue:
        for _ in range(12):
            await queue.process_order(an_order_id())
        async with running(worker):
            await until(log.has_begun(10))
            begun = time() * 1_000

            async def shows_it() -> bool:
                return (await corner.signs_of_life()).get(worker.name, 0) > begun

            await eventually(shows_it)
            held.release()


async def test_a_worker_that_does_not_read_is_dead_to_the_others(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 3.0)
    stuck, other, held, order_id = Log(), Log(), Held(), an_order_id()
    worker, read = corner.worker(stuck, held), TaskStream.read

    async def once(stream: TaskStream, **options: bool) -> Any:
        entries = await read(stream, **options)
        if stuck.runs and stream is worker._stream:
            await asyncio.Event().wait()
        return entries

    monkeypatch.setattr(TaskStream, "read", once)
    async with corner.queue() as queue, running(worker):
        await queue.process_order(order_id)
        await until(stuck.has_begun(1))
        async with running(corner.worker(other, dead_after=DEAD_SOON)):
            await until(other.has_done(1))
        held.release()
    assert other.runs == [str(order_id)]


async def test_a_worker_makes_progress_while_it_reads_and_not_by_its_clock(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(broker_module, "_IDLE_LOOK_SECONDS", 0.01)
    broker = corner.worker(Log())
    broker.expect_reads(1)
    token = heartbeat.set(mine := Heartbeat())
    keeper = asyncio.create_task(broker.send_heartbeats())
    heartbeat.reset(token)
    await until(lambda: mine.beats > 5)
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 0.0)
    await asyncio.sleep(0.1)
    beats, shown = mine.beats, await corner.signs_of_life()
    await asyncio.sleep(0.5)
    assert mine.beats == beats
    assert await corner.signs_of_life() == shown
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    await broker.shutdown()


async def test_a_user_that_may_not_read_what_the_server_is_can_use_the_queue(
    fragile: Corner,
) -> None:
    redis: Any = fragile.redis
    await redis.execute_command("ACL", "SETUSER", "ada", "on", ">pw", "~*", "+@all", "-info")
    url = fragile.url.replace("redis://", "redis://ada:pw@")
    async with a_corner(url) as corner, corner.queue() as queue:
        log = Log()
        async with running(corner.worker(log)):
            await queue.process_order(an_order_id())
            await until(log.has_done(1))


class FailsOnce:
    """A method of a library that raises what no list of its errors names."""

    def __init__(self, original: Any, error: Exception, after: int) -> None:
        self._original, self._error, self._left = original, error, after
        self.has_failed = False

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.has_failed = True
            raise self._error
        return await self._original(*arguments, **named)


@pytest.mark.parametrize("role", ["_connections", "_reading"])
@pytest.mark.parametrize("after", [1, 2, 3, 5])
async def test_no_error_of_a_library_ends_a_worker(
    corner: Corner, monkeypatch: pytest.MonkeyPatch, after: int, role: str
) -> None:
    log = Log()
    async with corner.queue() as queue, running(worker := corner.worker(log)):
        await handed_over(queue, an_order_id())
        await until(log.has_done(1))
        client = await getattr(worker._stream, role).client()
        closed = RuntimeError("unable to perform operation; the handler is closed")
        fails = FailsOnce(client.execute_command, closed, after)
        monkeypatch.setattr(client, "execute_command", fails)
        for done in range(2, 8):
            await handed_over(queue, an_order_id())
            await until(log.has_done(done))
        await until(lambda: fails.has_failed)
        await handed_over(queue, an_order_id())
        await until(log.has_done(8))
        await corner.empty()
    assert len(log.runs) == 8
    assert log.dead == []


async def test_a_receiver_that_fails_can_be_run_again_and_each_task_runs_once(
    corner: Corner,
) -> None:
    log, held, stop = Log(), Held(), asyncio.Event()
    broker = corner.worker(log, held)
    orders = [an_order_id() for _ in range(30)]
    worker, admitted = Worker(broker, 10, LONG), broker._accept
    fails_at = 6

    async def fail_once(entry: Entry) -> Any:
        nonlocal fails_at
        fails_at -= 1
        if fails_at == 0:
            raise RuntimeError("the receiver ends")
        return await admitted(entry)

    vars(broker)["_accept"] = fail_once
    async with corner.queue() as queue:
        for order_id in orders:
            await queue.process_order(order_id)
        with pytest.raises(BaseException, match=r"the receiver ends|unhandled errors"):
            await worker.run(stop)
        again = asyncio.create_task(worker.run(stop))
        held.release()
        await until(log.has_done(len(orders)))
        await corner.empty()
        stop.set()
        await again
        await worker.close()
    assert sorted(log.runs) == sorted(map(str, orders))


async def test_a_worker_that_stops_gives_back_what_cannot_end_in_time(corner: Corner) -> None:
    stopping, other, order_id = Log(), Log(), an_order_id()
    async with corner.queue() as queue:
        await queue.process_order(order_id)
        # Oftener than a task may fail, and sooner than anybody is found dead.
        for times in range(1, 7):
            async with running(corner.worker(stopping, Held()), drain_seconds=0.1):
                await until(stopping.has_begun(times))
            assert await corner.workers() == set()
        async with running(corner.worker(other)):
            await until(other.has_done(1))
            await corner.empty()
    assert stopping.stopped == stopping.runs
    assert not stopping.done
    assert not stopping.dead
    assert other.runs == [str(order_id)]


async def test_a_worker_stops_whenever_it_is_told_to(corner: Corner) -> None:
    """A cancellation must not be lost in whatever it is that the worker is just doing."""
    for times in range(60):
        async with running(corner.worker(Log())):
            await asyncio.sleep(times * 0.0007)


async def test_a_worker_that_stops_lets_a_task_end_that_can(corner: Corner) -> None:
    log = Log()
    async with corner.queue() as queue, running(corner.worker(log, lasting(0.5))):
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.runs))
    assert log.done == log.runs
    assert await corner.left() == 0


async def test_the_task_of_a_killed_worker_is_taken_over_on_a_quiet_stream(
    corner: Corner, tmp_path: Path
) -> None:
    log, order_id, begun = Log(), an_order_id(), tmp_path / "begun"
    begun.touch()
    doomed = corner.worker_to_be_killed(begun)
    try:
        async with corner.queue() as queue:
            await queue.process_order(order_id)
            await until(lambda: bool(begun.read_text()))
            async with running(worker := corner.worker(log, dead_after=DEAD_SOON)):
                doomed.kill()
                doomed.wait()
                await until(lambda: bool(log.done))
                await corner.empty()
                assert not await corner.redis.hlen(f"{corner.stream}:known")

                async def is_alone() -> bool:
                    return await corner.workers() == {worker.name}

                await eventually(is_alone)
    finally:
        doomed.kill()
        doomed.wait()
    assert log.runs == [str(order_id)]


async def test_an_empty_redis_is_worked_on_like_the_one_before(fragile: Corner) -> None:
    log = Log()
    async with fragile.queue() as queue, running(fragile.worker(log)):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        for number in (2, 3):
            await fragile.redis.flushall()
            # Before the worker has noticed.
            await queue.process_order(an_order_id())
            await until(log.has_done(number))
        await fragile.empty()


async def test_a_redis_that_was_restarted_empty_is_worked_on(
    fragile: Corner, server: Server
) -> None:
    log = Log()
    async with fragile.queue() as queue, running(fragile.worker(log)):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        server.kill()
        await asyncio.sleep(0.5)
        server.start(empty=True)
        await handed_over(queue, an_order_id())
        await until(log.has_done(2))


async def handed_over(queue: TaskiqQueue, order_id: OrderId) -> bool:
    """As the consumer does it."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                return await queue.process_order(order_id)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_what_ends_while_redis_is_away_is_told_it_later(
    fragile: Corner, server: Server
) -> None:
    log, held = Log(), Held()
    async with fragile.queue() as queue, running(fragile.worker(log, held)):
        await queue.process_order(an_order_id())
        await until(log.has_begun(1))
        server.stop()
        held.release()
        await until(log.has_done(1))
        server.start()
        await fragile.empty()
    assert len(log.runs) == 1


async def test_workers_that_lost_redis_do_not_take_each_other_for_dead(
    fragile: Corner, server: Server
) -> None:
    one, other, held = Log(), Log(), Held()
    workers = fragile.worker(one, held), fragile.worker(other, held)
    missed = [missing_signs_of_life(worker) for worker in workers]
    for worker in workers:
        worker._dead_after_seconds = 0  # as if they had been calm for long
    async with fragile.queue() as queue, running(workers[0]), running(workers[1]):
        for _ in range(40):  # more than one takes at a time
            await queue.process_order(an_order_id())
        await until(lambda: bool(one.runs and other.runs))
        for worker in workers:
            worker._dead_after_seconds = DEAD_AFTER
        server.stop()
        await until(lambda: all(missed))
        server.start()
        # Before either has noticed: so long was nobody heard of.
        with BlockingRedis.from_url(server.url) as redis:
            for worker in workers:
                redis.zincrby(f"{fragile.stream}:workers", -2_000 * DEAD_AFTER, worker.name)

        async def both_show_that_they_live() -> bool:
            return min((await fragile.signs_of_life()).values()) > (time() - LONG) * 1_000

        await eventually(both_show_that_they_live)
        held.release()
        await until(lambda: len(one.done) + len(other.done) >= 40)
        await fragile.empty()
    assert set(Counter(one.runs + other.runs).values()) == {1}


def missing_signs_of_life(worker: RedisStreamBroker) -> list[Exception]:
    """Why the worker could not show that it lives, each time."""
    heartbeat, missed = worker._stream.heartbeat, list[Exception]()

    async def watched(*, reclaim: bool) -> int:
        try:
            return await heartbeat(reclaim=reclaim)
        except Exception as error:
            missed.append(error)
            raise

    vars(worker._stream)["heartbeat"] = watched
    return missed


async def test_a_worker_that_was_cut_off_begins_nothing_twice(fragile: Corner) -> None:
    log = Log()
    async with fragile.queue() as queue, running(fragile.worker(log, lasting(3))):
        for _ in range(4):
            await queue.process_order(an_order_id())
        await until(log.has_begun(4))
        await fragile.redis.client_kill_filter(_type="normal", skipme=True)
        await until(log.has_done(4))
        await fragile.empty()
    assert len(log.runs) == 4


async def test_who_holds_a_task_no_more_puts_nothing_in_its_place(corner: Corner) -> None:
    stream = TaskStream(corner.url, corner.prefix, "nobody", max_tasks=9, dead_after_seconds=9)
    try:
        await stream.read()
        await stream.settle("1-1", "id", b"a task", 0)
        await stream.settle("1-1", "id", b"a task", 9)
    finally:
        await stream.close()
    assert await corner.left() == 0


async def test_a_delivery_that_was_lost_on_the_way_comes_again(fragile: Corner) -> None:
    """Redis counts it as taken by a worker that has never heard of it, and lives."""
    log, lost = Log(), an_order_id()
    worker = fragile.worker(log)
    async with fragile.queue() as queue, running(worker):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        async with fragile.redis.pipeline(transaction=True) as delivery:
            delivery.xadd(fragile.stream, {"task": payload_of(worker, lost)})
            delivery.xreadgroup("workers", worker.name, {fragile.stream: ">"})
            await delivery.execute()
        await asyncio.sleep(0.5)
        assert len(log.runs) == 1
        await fragile.redis.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: log.done[1:] == [str(lost)])
        await fragile.empty()


def payload_of(broker: RedisStreamBroker, order_id: OrderId) -> bytes:
    task = broker.find_task(PROCESS_ORDER)
    assert task is not None
    return broker.formatter.dumps(task.kicker()._prepare_message(str(order_id))).message


async def test_whoever_brings_a_task_does_not_wait_for_redis_for_ever(
    fragile: Corner, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_ADD_TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 10 * LONG)
    async with fragile.queue() as queue:
        await handed_over(queue, an_order_id())
        server.pause()
        async with asyncio.timeout(LONG):
            with pytest.raises(Unavailable):
                await queue.process_order(an_order_id())
        server.resume()
        await handed_over(queue, an_order_id())
        server.stop()
        with pytest.raises(Unavailable):
            await queue.process_order(an_order_id())


async def test_a_hung_redis_makes_no_worker_give_up(
    fragile: Corner, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1.0)
    log = Log()
    async with fragile.queue() as queue, running(fragile.worker(log)):
        await handed_over(queue, an_order_id())
        await until(log.has_done(1))
        server.pause()
        await asyncio.sleep(2)
        server.resume()
        await handed_over(queue, an_order_id())
        await until(log.has_done(2))
        await fragile.empty()
    assert log.dead == []
