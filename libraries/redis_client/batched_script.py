"""Run a Lua script once for all calls of an event loop iteration."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from redis.exceptions import NoScriptError

from libraries.asyncio_tools.time_budget import TimeBudget, time_budget
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.multiplexed_connection import Arg, MultiplexedConnection
from libraries.redis_client.script import digest_of

#: The most calls per batch. Redis executes nothing else in the meantime, which takes about 10 us
#: per call.
MAX_CALLS: Final = 100


class BatchedScript:
    """A Lua script that runs once for all calls of an event loop iteration.

    `KEYS` contains the shared keys and then the keys of each call, and `ARGV` the shared arguments
    and then the arguments of each call. If callers wait for results, the script returns them as one
    list, with `results_per_call` values for each call.

    A batch is executed in place of its first call. Its other calls are executed earlier than they
    would be alone, but never later. Commands that follow a call are therefore executed after it.
    """

    def __init__(
        self,
        client: RedisClient,
        source: str,
        shared_keys: Sequence[Arg] = (),
        shared_args: Sequence[Arg] = (),
        results_per_call: int = 0,
    ) -> None:
        self._client = client
        self._batch: _Batch | None = None
        self.source = source
        self.digest = digest_of(source)
        self.shared_keys = shared_keys
        self.shared_args = shared_args
        self.results_per_call = results_per_call

    def submit(self, keys: Sequence[Arg], args: Sequence[Arg] = ()) -> Awaitable[Sequence[Any]]:
        """Add a call to the batch. Return an awaitable (to be awaited) for its results.

        The awaitable raises:
            RedisUnavailable: there was no reply in time, or it was an error.
        """
        budget = time_budget.get()
        timeout_seconds = self._client.timeout_seconds if budget is None else budget.left
        batch = self._batch
        if batch is not None and batch.accepts(timeout_seconds):
            return batch.submit(keys, args, budget)
        return self._client.submit_with(
            lambda connection, seconds: self._batch_on(connection, seconds).submit(keys, args)
        )

    def send(self, keys: Sequence[Arg], args: Sequence[Arg] = ()) -> None:
        """Add a call to the batch and ignore its results. Does nothing if Redis is unavailable."""
        connection = self._client.connection
        if connection is not None:
            self._batch_on(connection, self._client.timeout_seconds).add(keys, args)

    def _batch_on(self, connection: MultiplexedConnection, timeout_seconds: float) -> "_Batch":
        """Return the open batch, or open one on this connection.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        batch = self._batch
        if batch is None or not batch.accepts(timeout_seconds):
            batch = self._batch = _Batch(self, connection, timeout_seconds)
        return batch


class _Batch:
    """Collects calls until it is sent. It receives the script's reply like a future."""

    __slots__ = (
        "_args",
        "_connection",
        "_is_done",
        "_is_open",
        "_keys",
        "_loop",
        "_must_send_source",
        "_results",
        "_script",
        "_size",
        "_started_at",
        "_timeout_seconds",
    )

    def __init__(
        self, script: BatchedScript, connection: MultiplexedConnection, timeout_seconds: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._script = script
        self._connection = connection
        self._started_at = self._loop.time()
        self._timeout_seconds = timeout_seconds
        self._keys: list[Arg] = [*script.shared_keys]
        self._args: list[Arg] = [*script.shared_args]
        self._size = 0
        self._is_open = True
        self._is_done = False
        self._must_send_source = False
        self._results: list[tuple[asyncio.Future[Sequence[Any]], TimeBudget | None]] = []
        connection.submit_batch(self, self._started_at + timeout_seconds)

    def accepts(self, timeout_seconds: float) -> bool:
        """Whether another call can be added. All calls of a batch have the same timeout."""
        return self._is_open and self._timeout_seconds == timeout_seconds and self._size < MAX_CALLS

    def add(self, keys: Sequence[Arg], args: Sequence[Arg]) -> None:
        """Add a call."""
        self._size += 1
        self._keys += keys
        self._args += args

    def submit(
        self, keys: Sequence[Arg], args: Sequence[Arg], budget: TimeBudget | None = None
    ) -> "asyncio.Future[Sequence[Any]]":
        """Add a call and return a future for its results. The wait is spent from `budget`."""
        self.add(keys, args)
        result: asyncio.Future[Sequence[Any]] = self._loop.create_future()
        self._results.append((result, budget))
        return result

    # --- Called by the connection

    def command(self) -> tuple[Arg, ...]:
        """Return the command with all calls, and accept no more."""
        self._is_open = False
        script = self._script
        head = ("EVAL", script.source) if self._must_send_source else ("EVALSHA", script.digest)
        return (*head, len(self._keys), *self._keys, *self._args)

    def done(self) -> bool:
        """Whether the reply or an error has arrived."""
        return self._is_done

    def set_result(self, reply: Any) -> None:
        """Give each caller its part of the reply, unless it has given up."""
        size = self._script.results_per_call
        if self._results and not _is_list(reply, size * len(self._results)):
            self.set_exception(RedisUnavailable("the script returned an invalid result"))
            return
        self._finish()
        for number, (result, _) in enumerate(self._results):
            if not result.done():
                result.set_result(reply[number * size : (number + 1) * size])

    def set_exception(self, error: Exception) -> None:
        """Fail all calls. If the script wasn't loaded, send it in full instead."""
        if isinstance(error, NoScriptError) and not self._must_send_source:
            self._must_send_source = True
            try:
                self._connection.submit_batch(self, self._started_at + self._timeout_seconds)
            except RedisUnavailable as closed:
                error = closed
            else:
                return
        self._finish()
        for result, _ in self._results:
            if not result.done():
                result.set_exception(RedisUnavailable(str(error)))

    def _finish(self) -> None:
        """Accept no more calls, and spend the wait from the budgets of the callers."""
        self._is_open = False
        self._is_done = True
        waited = self._loop.time() - self._started_at
        for _, budget in self._results:
            if budget is not None:
                budget.spend_concurrently(waited, self._timeout_seconds)


def _is_list(reply: Any, length: int) -> bool:
    return isinstance(reply, list) and len(reply) == length
