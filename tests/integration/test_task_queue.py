"""Test the task queue in process and on a real Redis that fails at the worst moments."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
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
from libraries.task_stream.retries import DeadTask, Retry
from libraries.task_stream.settlements import Settlement
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

#: How many seconds without a heartbeat make a worker count as dead. Most tests use a value longer
#: than any pause of the machine. Tests about dead workers use a short one.
DEAD_AFTER: Final = 10 * LONG
DEAD_SOON: Final = 1.0

#: Seconds before the second attempt.
DELAY = 0.01

Act = Callable[[str], Awaitable[None]]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not happened():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LONG):
        while not await holds():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.02)


@dataclass
class RunLog:
    """Record runs and dead letters."""

    runs: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    dead: list[DeadTask] = field(default_factory=list)
    #: How many more dead letters fail to be stored.
    store_failures: int = 0

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

    def has_started(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.runs) >= count

    def has_done(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.done) >= count

    async def dead_letter(self, task: DeadTask) -> None:
        if self.store_failures:
            self.store_failures -= 1
            raise Unavailable
        self.dead.append(task)


async def succeed(_: str) -> None:
    """Succeed immediately."""


def own_failure() -> ProcessingFailed:
    """Return a failure that counts as an attempt."""
    error = ProcessingFailed()
    error.__cause__ = RuntimeError("bad luck")
    return error


def failing(times: int, error: Exception) -> Act:
    remaining = times

    async def act(_: str) -> None:
        nonlocal remaining
        if remaining:
            remaining -= 1
            raise error

    return act


def lasting(seconds: float) -> Act:
    async def act(_: str) -> None:
        await asyncio.sleep(seconds)

    return act


class Blocked:
    """A task that runs until released."""

    def __init__(self) -> None:
        self._released = asyncio.Event()
        self.release = self._released.set

    async def __call__(self, _: str) -> None:
        await self._released.wait()


def policy(log: RunLog) -> ProcessingRetryPolicy:
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
async def enqueuing_broker(
    url: str, prefix: str, max_tasks: int = 1000
) -> AsyncIterator[TaskiqQueue]:
    """Yield a queue whose process doesn't run any tasks."""
    broker = RedisStreamBroker(url, prefix, ProcessingRetryPolicy(), max_tasks=max_tasks)
    broker.add_middlewares(TraceMiddleware())
    try:
        yield TaskiqQueue(broker)
    finally:
        await broker.shutdown()


@dataclass(frozen=True)
class StreamQueue:
    """A queue with its own prefix, and access to its keys."""

    url: str
    prefix: str
    redis: Redis

    @property
    def stream(self) -> str:
        return f"{self.prefix}{{tasks}}"

    def worker(
        self,
        log: RunLog,
        act: Act = succeed,
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

    def worker_to_be_killed(self, started: Path) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.integration.task_worker"]
        return subprocess.Popen([*command, self.url, self.prefix, str(started), "600"])

    def queue(self, max_tasks: int = 1000) -> Any:
        return enqueuing_broker(self.url, self.prefix, max_tasks)

    async def remaining(self) -> int:
        """Return how many tasks there are, in any state."""
        async with self.redis.pipeline(transaction=True) as both:  # tasks move between both
            both.xlen(self.stream)
            both.zcard(f"{self.stream}:delayed")
            return sum(map(int, await both.execute()))

    async def is_delayed(self) -> bool:
        return bool(await self.redis.zcard(f"{self.stream}:delayed"))

    async def heartbeats(self) -> dict[str, float]:
        """Return each worker's last heartbeat, in milliseconds."""
        shown: Any = await self.redis.zrange(f"{self.stream}:workers", 0, -1, withscores=True)
        return {name.decode(): at for name, at in shown}

    async def wait_empty(self) -> None:
        await eventually(self.is_empty)

    async def is_empty(self) -> bool:
        return await self.remaining() == 0

    async def workers(self) -> set[str]:
        found = await self.redis.xinfo_consumers(self.stream, "workers")
        return {each["name"].decode() for each in found}


@asynccontextmanager
async def stream_queue(url: str) -> AsyncIterator[StreamQueue]:
    redis: Redis = Redis.from_url(url, protocol=2)
    try:
        yield StreamQueue(url, f"{uuid4().hex}:", redis)
    finally:
        await redis.aclose()


@pytest.fixture
async def shared_queue(redis_server: Shared) -> AsyncIterator[StreamQueue]:
    async with stream_queue(redis_server.url) as made:
        yield made


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def own_queue(server: Server) -> AsyncIterator[StreamQueue]:
    async with stream_queue(server.url) as made:
        yield made


RunningQueue = Callable[[RunLog, Act], Any]


@pytest.fixture(params=["in process", "redis"])
def running_queue(request: pytest.FixtureRequest) -> RunningQueue:
    """Return a factory for a queue and workers that run its tasks."""

    @asynccontextmanager
    async def in_process(log: RunLog, act: Act) -> AsyncIterator[TaskiqQueue]:
        broker = InProcessBroker(10, policy(log)).with_middlewares(TraceMiddleware())
        broker.register_task(log.task(act), task_name=PROCESS_ORDER)
        await broker.startup()
        yield TaskiqQueue(broker)
        await broker.drain(LONG)
        await broker.shutdown()

    @asynccontextmanager
    async def on_redis(log: RunLog, act: Act) -> AsyncIterator[TaskiqQueue]:
        url = request.getfixturevalue("redis_server").url
        async with stream_queue(url) as shared_queue:
            broker: AsyncBroker
            async with (
                shared_queue.queue() as queue,
                running(broker := shared_queue.worker(log, act)),
            ):
                yield queue
            assert broker.is_worker_process

    return in_process if request.param == "in process" else on_redis


async def test_an_enqueued_order_is_processed(running_queue: RunningQueue) -> None:
    log, orders = RunLog(), [an_order_id() for _ in range(50)]
    async with running_queue(log, succeed) as queue:
        for order_id in orders:
            await queue.process_order(order_id)
        await until(log.has_done(len(orders)))
    assert sorted(log.runs) == sorted(map(str, orders))


async def test_every_run_continues_the_trace_of_the_sender(
    running_queue: RunningQueue,
) -> None:
    log, causes, fails = RunLog(), list[str | None](), failing(1, own_failure())

    async def act(order_id: str) -> None:
        causes.append(current_traceparent.get())
        await fails(order_id)

    async with running_queue(log, act) as queue:
        for done, cause in enumerate(("one trace", None), start=1):
            token = current_traceparent.set(cause)
            await queue.process_order(an_order_id())
            current_traceparent.reset(token)
            await until(log.has_done(done))
    assert causes == ["one trace", "one trace", None]


async def test_a_failed_task_is_retried(running_queue: RunningQueue) -> None:
    log, order_id = RunLog(), an_order_id()
    async with running_queue(log, failing(4, own_failure())) as queue:
        await queue.process_order(order_id)
        await until(lambda: bool(log.done))
    assert log.runs == [str(order_id)] * 5
    assert log.dead == []


async def test_the_fifth_failure_makes_a_dead_letter_with_its_reason(
    running_queue: RunningQueue,
) -> None:
    log, order_id, next_order = RunLog(), an_order_id(), an_order_id()

    async def act(order: str) -> None:
        if order == str(order_id):
            raise own_failure()

    async with running_queue(log, act) as queue:
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
async def test_outages_races_and_bugs_do_not_count_as_attempts(
    running_queue: RunningQueue, error: Exception
) -> None:
    log = RunLog()
    async with running_queue(log, failing(6, error)) as queue:
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.done))
    assert len(log.runs) == 7
    assert log.dead == []


async def test_an_outage_is_two_warnings_and_no_traceback(
    running_queue: RunningQueue, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "outages", OutageLog())
    log, is_away = RunLog(), True

    async def act(_: str) -> None:
        if is_away:
            raise Unavailable("It is being restarted.")

    async with running_queue(log, act) as queue:
        for _ in range(5):
            await queue.process_order(an_order_id())
        await until(log.has_started(20))
        is_away = False
        await until(log.has_done(5))
    assert [message for message in caplog.messages if "the database" in message] == [
        "the database is unreachable: It is being restarted.",
        "the database is reachable again",
    ]
    assert not [r for r in caplog.records if r.exc_info or r.levelname == "ERROR"]


async def test_a_waiting_or_running_order_is_not_added_again(running_queue: RunningQueue) -> None:
    log, blocked, order_id = RunLog(), Blocked(), an_order_id()
    async with running_queue(log, blocked) as queue:
        assert await queue.process_order(order_id)
        assert not await queue.process_order(order_id)
        await until(log.has_started(1))
        assert not await queue.process_order(order_id)
        blocked.release()
        await until(log.has_done(1))
        await eventually(lambda: queue.process_order(order_id))
        await until(log.has_done(2))
    assert log.runs == [str(order_id)] * 2


async def test_a_delayed_order_is_not_added_again(
    running_queue: RunningQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, order_id = RunLog(), an_order_id()
    monkeypatch.setattr(f"{__name__}.DELAY", 2.0)
    async with running_queue(log, failing(1, own_failure())) as queue:
        assert await queue.process_order(order_id)
        await until(log.has_started(1))
        for _ in range(10):
            assert not await queue.process_order(order_id)
        await until(log.has_done(1))
    assert log.runs == [str(order_id)] * 2


async def test_a_dead_order_may_be_enqueued_again(running_queue: RunningQueue) -> None:
    log, order_id = RunLog(), an_order_id()
    async with running_queue(log, failing(5, own_failure())) as queue:
        await queue.process_order(order_id)
        await until(lambda: bool(log.dead))
        await eventually(lambda: queue.process_order(order_id))
        await until(log.has_done(1))
    assert len(log.runs) == 6


async def test_a_dead_task_stays_until_it_is_stored(running_queue: RunningQueue) -> None:
    log = RunLog(store_failures=2)
    async with running_queue(log, failing(99, own_failure())) as queue:
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.dead))
    assert len(log.runs) == 7


async def test_finished_tasks_leave_no_keys(shared_queue: StreamQueue) -> None:
    log = RunLog()
    async with shared_queue.queue() as queue, running(shared_queue.worker(log)):
        for _ in range(200):
            await queue.process_order(an_order_id())
        await until(log.has_done(200))
        await shared_queue.wait_empty()
        pending = await shared_queue.redis.xpending(shared_queue.stream, "workers")
        assert pending["pending"] == 0
        assert not await shared_queue.redis.hlen(f"{shared_queue.stream}:known")


async def test_two_workers_share_the_tasks_and_run_each_once(shared_queue: StreamQueue) -> None:
    one, other, blocked = RunLog(), RunLog(), Blocked()
    async with shared_queue.queue() as queue:
        for _ in range(100):
            await queue.process_order(an_order_id())
        async with (
            running(shared_queue.worker(one, blocked)),
            running(shared_queue.worker(other, blocked)),
        ):
            await until(lambda: bool(one.runs and other.runs))
            blocked.release()
            await until(lambda: len(one.done) + len(other.done) >= 100)
            await shared_queue.wait_empty()
    assert set(Counter(one.runs + other.runs).values()) == {1}


async def test_delayed_tasks_run_in_the_order_of_their_times(shared_queue: StreamQueue) -> None:
    log = RunLog()
    broker = shared_queue.worker(log)
    late, early, now = (str(an_order_id()) for _ in range(3))
    task = broker.find_task(PROCESS_ORDER)
    assert task is not None
    started = monotonic()
    await task.kicker().with_labels(delay=2.0).kiq(late)
    await task.kicker().with_labels(delay=0.8).kiq(early)
    await task.kicker().kiq(now)
    async with running(broker):
        await until(log.has_done(2))
        assert monotonic() - started >= 0.7
        await until(log.has_done(3))
        assert monotonic() - started >= 1.9
        await shared_queue.wait_empty()
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
async def test_an_unreadable_entry_becomes_a_dead_letter(
    shared_queue: StreamQueue, fields: dict[str, str]
) -> None:
    log = RunLog(store_failures=1)
    await shared_queue.redis.xadd(shared_queue.stream, dict(fields.items()))
    async with shared_queue.queue() as queue, running(shared_queue.worker(log)):
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.done and log.dead))
        await shared_queue.wait_empty()
    [dead] = log.dead
    assert dead.attempts == 0
    assert dead.reason.startswith("the task cannot be read: ")
    assert next(iter(fields.values())).encode() in dead.payload


async def test_an_unknown_task_waits_for_another_worker(shared_queue: StreamQueue) -> None:
    old, new, order_id = RunLog(), RunLog(), an_order_id()
    async with shared_queue.queue() as queue:
        async with running(shared_queue.worker(old, task="another")):
            await queue.process_order(order_id)
            await eventually(shared_queue.is_delayed)
            assert await shared_queue.remaining() == 1
        async with running(shared_queue.worker(new)):
            await until(lambda: bool(new.done))
            await shared_queue.wait_empty()
    assert not old.runs
    assert not old.dead
    assert new.runs == [str(order_id)]


@pytest.mark.parametrize("kind", ["", ":delayed"])
async def test_a_lost_task_is_added_again_despite_the_index(
    shared_queue: StreamQueue, kind: str
) -> None:
    log, order_id = RunLog(), an_order_id()
    broker = shared_queue.worker(log)
    async with shared_queue.queue() as queue:
        assert await queue.process_order(order_id)
        if kind:
            while not await broker._stream.read(1):
                pass
            entries: Any = await shared_queue.redis.xrange(shared_queue.stream)
            [[entry, _]] = entries
            await broker._stream.settle(
                [Settlement(entry.decode(), str(order_id), Retry(b"a task", LONG))]
            )
        assert not await queue.process_order(order_id)
        await shared_queue.redis.delete(f"{shared_queue.stream}{kind}")
        assert await shared_queue.redis.hlen(f"{shared_queue.stream}:known") == 1
        assert await queue.process_order(order_id)
        async with running(broker):
            await until(log.has_done(1))
            await shared_queue.wait_empty()
        assert not await shared_queue.redis.hlen(f"{shared_queue.stream}:known")
    assert log.runs == [str(order_id)]


async def test_a_full_in_process_queue_refuses_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "_ADD_TIMEOUT_SECONDS", 0.05)
    log, blocked, order_id = RunLog(), Blocked(), an_order_id()
    broker = InProcessBroker(1, policy(log))
    broker.register_task(log.task(blocked), task_name=PROCESS_ORDER)
    queue = TaskiqQueue(broker)
    await queue.process_order(an_order_id())
    for _ in range(2):
        with pytest.raises(QueueUnavailable):
            await queue.process_order(order_id)
    blocked.release()
    monkeypatch.setattr(in_process, "_ADD_TIMEOUT_SECONDS", LONG)
    assert await queue.process_order(order_id)
    await until(log.has_done(2))
    await broker.drain(LONG)
    await broker.shutdown()


async def test_a_full_queue_refuses_tasks_until_there_is_room(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog()
    async with shared_queue.queue(max_tasks=2) as queue:
        await queue.process_order(an_order_id())
        await queue.process_order(an_order_id())
        with monkeypatch.context() as impatient:
            impatient.setattr(broker_module, "_ADD_TIMEOUT_SECONDS", 0.3)
            async with asyncio.timeout(LONG):
                with pytest.raises(Unavailable):
                    await queue.process_order(an_order_id())
        bringing = asyncio.create_task(queue.process_order(an_order_id()))
        async with running(shared_queue.worker(log)):
            await bringing
            await until(log.has_done(3))


async def test_a_worker_sends_heartbeats_during_a_long_task(shared_queue: StreamQueue) -> None:
    log, blocked = RunLog(), Blocked()
    async with shared_queue.queue() as queue, running(worker := shared_queue.worker(log, blocked)):
        await queue.process_order(an_order_id())
        await until(log.has_started(1))
        started = (await shared_queue.heartbeats())[worker.name]

        async def has_sent_one() -> bool:
            return (await shared_queue.heartbeats())[worker.name] > started + 1_000

        await eventually(has_sent_one)
        blocked.release()
    assert len(log.runs) == 1


async def test_a_full_worker_sends_heartbeats(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 0.0)
    log, blocked = RunLog(), Blocked()
    worker = shared_queue.worker(log, blocked)
    async with shared_queue.queue() as queue:
        for _ in range(12):
            await queue.process_order(an_order_id())
        async with running(worker):
            await until(log.has_started(10))
            started = time() * 1_000

            async def has_sent_one() -> bool:
                return (await shared_queue.heartbeats()).get(worker.name, 0) > started

            await eventually(has_sent_one)
            blocked.release()


async def test_the_tasks_of_a_worker_that_does_not_read_are_reclaimed(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 3.0)
    not_reading, other, blocked, order_id = RunLog(), RunLog(), Blocked(), an_order_id()
    worker, read = shared_queue.worker(not_reading, blocked), TaskStream.read

    async def once(stream: TaskStream, count: int, **options: bool) -> Any:
        entries = await read(stream, count, **options)
        if not_reading.runs and stream is worker._stream:
            await asyncio.Event().wait()
        return entries

    monkeypatch.setattr(TaskStream, "read", once)
    async with shared_queue.queue() as queue, running(worker):
        await queue.process_order(order_id)
        await until(not_reading.has_started(1))
        async with running(shared_queue.worker(other, dead_after=DEAD_SOON)):
            await until(other.has_done(1))
        blocked.release()
    assert other.runs == [str(order_id)]


async def test_a_worker_that_does_not_read_makes_no_progress(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(broker_module, "_IDLE_LOOK_SECONDS", 0.01)
    broker = shared_queue.worker(RunLog())
    broker.expect_reads(1)
    token = heartbeat.set(mine := Heartbeat())
    heartbeat_task = asyncio.create_task(broker.send_heartbeats())
    heartbeat.reset(token)
    await until(lambda: mine.beats > 5)
    monkeypatch.setattr(broker_module, "_READS_WITHIN_SECONDS", 0.0)
    await asyncio.sleep(0.1)
    beats, shown = mine.beats, await shared_queue.heartbeats()
    await asyncio.sleep(0.5)
    assert mine.beats == beats
    assert await shared_queue.heartbeats() == shown
    heartbeat_task.cancel()
    await asyncio.gather(heartbeat_task, return_exceptions=True)
    await broker.shutdown()


async def test_the_queue_needs_no_right_to_info(
    own_queue: StreamQueue,
) -> None:
    redis: Any = own_queue.redis
    await redis.execute_command("ACL", "SETUSER", "ada", "on", ">pw", "~*", "+@all", "-info")
    url = own_queue.url.replace("redis://", "redis://ada:pw@")
    async with stream_queue(url) as shared_queue, shared_queue.queue() as queue:
        log = RunLog()
        async with running(shared_queue.worker(log)):
            await queue.process_order(an_order_id())
            await until(log.has_done(1))


class FailsOnce:
    """A redis-py method that raises an error once, of a class that isn't redis-py's own."""

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
async def test_a_worker_survives_every_error_of_redis_py(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch, after: int, role: str
) -> None:
    log = RunLog()
    async with shared_queue.queue() as queue, running(worker := shared_queue.worker(log)):
        await enqueue(queue, an_order_id())
        await until(log.has_done(1))
        client = await getattr(worker._stream, role).client()
        closed = RuntimeError("unable to perform operation; the handler is closed")
        fails = FailsOnce(client.execute_command, closed, after)
        monkeypatch.setattr(client, "execute_command", fails)
        for done in range(2, 8):
            await enqueue(queue, an_order_id())
            await until(log.has_done(done))
        await until(lambda: fails.has_failed)
        await enqueue(queue, an_order_id())
        await until(log.has_done(8))
        await shared_queue.wait_empty()
    assert len(log.runs) == 8
    assert log.dead == []


async def test_a_failed_receiver_can_be_run_again_and_each_task_runs_once(
    shared_queue: StreamQueue,
) -> None:
    log, blocked, stop = RunLog(), Blocked(), asyncio.Event()
    broker = shared_queue.worker(log, blocked)
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
    async with shared_queue.queue() as queue:
        for order_id in orders:
            await queue.process_order(order_id)
        with pytest.raises(BaseException, match=r"the receiver ends|unhandled errors"):
            await worker.run(stop)
        again = asyncio.create_task(worker.run(stop))
        blocked.release()
        await until(log.has_done(len(orders)))
        await shared_queue.wait_empty()
        stop.set()
        await again
        await worker.close()
    assert sorted(log.runs) == sorted(map(str, orders))


async def test_a_stopping_worker_puts_late_tasks_back(shared_queue: StreamQueue) -> None:
    stopping, other, order_id = RunLog(), RunLog(), an_order_id()
    async with shared_queue.queue() as queue:
        await queue.process_order(order_id)
        # More times than a task may fail, and before a worker counts as dead.
        for times in range(1, 7):
            async with running(shared_queue.worker(stopping, Blocked()), drain_seconds=0.1):
                await until(stopping.has_started(times))
            assert await shared_queue.workers() == set()
        async with running(shared_queue.worker(other)):
            await until(other.has_done(1))
            await shared_queue.wait_empty()
    assert stopping.stopped == stopping.runs
    assert not stopping.done
    assert not stopping.dead
    assert other.runs == [str(order_id)]


async def test_a_worker_can_be_stopped_at_any_time(shared_queue: StreamQueue) -> None:
    """A worker must not swallow a cancellation at any step."""
    for times in range(60):
        async with running(shared_queue.worker(RunLog())):
            await asyncio.sleep(times * 0.0007)


async def test_a_stopping_worker_waits_for_its_tasks(shared_queue: StreamQueue) -> None:
    log = RunLog()
    async with shared_queue.queue() as queue, running(shared_queue.worker(log, lasting(0.5))):
        await queue.process_order(an_order_id())
        await until(lambda: bool(log.runs))
    assert log.done == log.runs
    assert await shared_queue.remaining() == 0


async def test_the_task_of_a_killed_worker_is_reclaimed_on_a_quiet_stream(
    shared_queue: StreamQueue, tmp_path: Path
) -> None:
    log, order_id, started = RunLog(), an_order_id(), tmp_path / "started"
    started.touch()
    killed = shared_queue.worker_to_be_killed(started)
    try:
        async with shared_queue.queue() as queue:
            await queue.process_order(order_id)
            await until(lambda: bool(started.read_text()))
            async with running(worker := shared_queue.worker(log, dead_after=DEAD_SOON)):
                killed.kill()
                killed.wait()
                await until(lambda: bool(log.done))
                await shared_queue.wait_empty()
                assert not await shared_queue.redis.hlen(f"{shared_queue.stream}:known")

                async def is_alone() -> bool:
                    return await shared_queue.workers() == {worker.name}

                await eventually(is_alone)
    finally:
        killed.kill()
        killed.wait()
    assert log.runs == [str(order_id)]


async def test_workers_survive_a_flush(own_queue: StreamQueue) -> None:
    log = RunLog()
    async with own_queue.queue() as queue, running(own_queue.worker(log)):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        for number in (2, 3):
            await own_queue.redis.flushall()
            # The worker hasn't noticed yet.
            await queue.process_order(an_order_id())
            await until(log.has_done(number))
        await own_queue.wait_empty()


async def test_workers_survive_a_restart_without_data(
    own_queue: StreamQueue, server: Server
) -> None:
    log = RunLog()
    async with own_queue.queue() as queue, running(own_queue.worker(log)):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        server.kill()
        await asyncio.sleep(0.5)
        server.start(empty=True)
        await enqueue(queue, an_order_id())
        await until(log.has_done(2))


async def enqueue(queue: TaskiqQueue, order_id: OrderId) -> bool:
    """Repeat until Redis responds, like the consumer."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                return await queue.process_order(order_id)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_a_task_that_ends_during_an_outage_is_settled_later(
    own_queue: StreamQueue, server: Server
) -> None:
    log, blocked = RunLog(), Blocked()
    async with own_queue.queue() as queue, running(own_queue.worker(log, blocked)):
        await queue.process_order(an_order_id())
        await until(log.has_started(1))
        server.stop()
        blocked.release()
        await until(log.has_done(1))
        server.start()
        await own_queue.wait_empty()
    assert len(log.runs) == 1


async def test_workers_are_not_declared_dead_after_an_outage(
    own_queue: StreamQueue, server: Server
) -> None:
    one, other, blocked = RunLog(), RunLog(), Blocked()
    workers = own_queue.worker(one, blocked), own_queue.worker(other, blocked)
    failed_heartbeats = [collect_failed_heartbeats(worker) for worker in workers]
    for worker in workers:
        worker._dead_after_seconds = 0  # as if the last outage had been long ago
    async with own_queue.queue() as queue, running(workers[0]), running(workers[1]):
        for _ in range(40):  # more than a single read returns
            await queue.process_order(an_order_id())
        await until(lambda: bool(one.runs and other.runs))
        for worker in workers:
            worker._dead_after_seconds = DEAD_AFTER
        server.stop()
        await until(lambda: all(failed_heartbeats))
        server.start()
        # Age the heartbeats before the workers have reconnected.
        with BlockingRedis.from_url(server.url) as redis:
            for worker in workers:
                redis.zincrby(f"{own_queue.stream}:workers", -2_000 * DEAD_AFTER, worker.name)

        async def both_are_alive() -> bool:
            return min((await own_queue.heartbeats()).values()) > (time() - LONG) * 1_000

        await eventually(both_are_alive)
        blocked.release()
        await until(lambda: len(one.done) + len(other.done) >= 40)
        await own_queue.wait_empty()
    assert set(Counter(one.runs + other.runs).values()) == {1}


def collect_failed_heartbeats(worker: RedisStreamBroker) -> list[Exception]:
    """Return a list that collects errors from the worker's heartbeats."""
    heartbeat, failed_heartbeats = worker._stream.heartbeat, list[Exception]()

    async def watched(*, reclaim: bool) -> int:
        try:
            return await heartbeat(reclaim=reclaim)
        except Exception as error:
            failed_heartbeats.append(error)
            raise

    vars(worker._stream)["heartbeat"] = watched
    return failed_heartbeats


async def test_a_disconnected_worker_starts_no_task_twice(own_queue: StreamQueue) -> None:
    log = RunLog()
    async with own_queue.queue() as queue, running(own_queue.worker(log, lasting(3))):
        for _ in range(4):
            await queue.process_order(an_order_id())
        await until(log.has_started(4))
        await own_queue.redis.client_kill_filter(_type="normal", skipme=True)
        await until(log.has_done(4))
        await own_queue.wait_empty()
    assert len(log.runs) == 4


async def test_waiting_tasks_start_and_end_together(
    shared_queue: StreamQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked, log, settle = Blocked(), RunLog(), TaskStream.settle
    reports: list[int] = []

    async def counted(stream: TaskStream, settlements: Sequence[Settlement]) -> None:
        reports.append(len(settlements))
        await settle(stream, settlements)

    monkeypatch.setattr(TaskStream, "settle", counted)
    async with shared_queue.queue() as queue:
        for _ in range(10):
            await queue.process_order(an_order_id())
    async with running(shared_queue.worker(log, blocked)):
        await until(log.has_started(10))
        blocked.release()
        await shared_queue.wait_empty()
    assert reports == [10]


async def test_a_worker_does_not_read_more_tasks_than_it_has_room_for(
    shared_queue: StreamQueue,
) -> None:
    blocked, log = Blocked(), RunLog()
    async with shared_queue.queue() as queue:
        for _ in range(15):
            await queue.process_order(an_order_id())
    async with running(shared_queue.worker(log, blocked)):
        await until(log.has_started(10))
        pending = await shared_queue.redis.xpending(shared_queue.stream, "workers")
        assert pending["pending"] == 10
        blocked.release()
        await until(log.has_done(15))
        await shared_queue.wait_empty()


async def test_only_the_holder_of_a_task_can_retry_it(shared_queue: StreamQueue) -> None:
    stream = TaskStream(
        shared_queue.url, shared_queue.prefix, "unknown", max_tasks=9, dead_after_seconds=9
    )
    try:
        await stream.read(1)
        await stream.settle([Settlement("1-1", "id", Retry(b"a task", 0))])
        await stream.settle([Settlement("1-1", "id", Retry(b"a task", 9))])
    finally:
        await stream.close()
    assert await shared_queue.remaining() == 0


async def test_a_lost_delivery_is_read_again(own_queue: StreamQueue) -> None:
    """The entry is pending for a live worker that never received it."""
    log, undelivered = RunLog(), an_order_id()
    worker = own_queue.worker(log)
    async with own_queue.queue() as queue, running(worker):
        await queue.process_order(an_order_id())
        await until(log.has_done(1))
        async with own_queue.redis.pipeline(transaction=True) as delivery:
            delivery.xadd(own_queue.stream, {"task": payload_of(worker, undelivered)})
            delivery.xreadgroup("workers", worker.name, {own_queue.stream: ">"})
            await delivery.execute()
        await asyncio.sleep(0.5)
        assert len(log.runs) == 1
        await own_queue.redis.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: log.done[1:] == [str(undelivered)])
        await own_queue.wait_empty()


def payload_of(broker: RedisStreamBroker, order_id: OrderId) -> bytes:
    task = broker.find_task(PROCESS_ORDER)
    assert task is not None
    return broker.formatter.dumps(task.kicker()._prepare_message(str(order_id))).message


async def test_enqueuing_without_redis_fails_in_time(
    own_queue: StreamQueue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_ADD_TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 10 * LONG)
    async with own_queue.queue() as queue:
        await enqueue(queue, an_order_id())
        server.pause()
        async with asyncio.timeout(LONG):
            with pytest.raises(Unavailable):
                await queue.process_order(an_order_id())
        server.resume()
        await enqueue(queue, an_order_id())
        server.stop()
        with pytest.raises(Unavailable):
            await queue.process_order(an_order_id())


async def test_a_frozen_redis_ends_no_worker(
    own_queue: StreamQueue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1.0)
    log = RunLog()
    async with own_queue.queue() as queue, running(own_queue.worker(log)):
        await enqueue(queue, an_order_id())
        await until(log.has_done(1))
        server.pause()
        await asyncio.sleep(2)
        server.resume()
        await enqueue(queue, an_order_id())
        await until(log.has_done(2))
        await own_queue.wait_empty()
    assert log.dead == []
