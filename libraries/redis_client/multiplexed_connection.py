"""One connection to Redis that all callers of a process share."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from hiredis import Reader, ReplyError, pack_command
from redis.exceptions import NoScriptError

from libraries.redis_client.connection import DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable

#: The name of a command, or one of its arguments.
Arg: TypeAlias = str | bytes | int

#: The type stub of hiredis allows only one argument.
_pack: Final[Callable[[tuple[Arg, ...]], bytes]] = cast("Any", pack_command)
#: The reader's result while no whole reply has arrived; RESP2 has no booleans.
_INCOMPLETE: Final = False

#: A timer that fires so many seconds late is a sign of a busy event loop, not of a slow Redis,
_LATE_SECONDS: Final = 0.01
#: and the reply then has so many seconds more.
_GRACE_SECONDS: Final = 0.02
#: Turns of the event loop between a timer and its verdict: the socket is read one turn after the
#: timers have fired, and the replies are delivered in the next.
_TURNS: Final = 3

#: Seconds in which Redis may read nothing of the commands that are written to it.
_STUCK_SECONDS: Final = 1.0

_UNKNOWN_SCRIPT: Final = "NOSCRIPT"
#: Error replies of a server that is no longer, or not yet, the right one.
_WRONG_SERVER: Final = frozenset(
    ("READONLY", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "NOAUTH", "MOVED", "ASK")
)


@dataclass(slots=True)
class _PendingCommand:
    """A command without its reply; times are the event loop's.

    `reply` is None if the caller ignores it.
    """

    reply: "asyncio.Future[Any] | None"
    sent_at: float
    due_at: float


class MultiplexedConnection(asyncio.Protocol):
    """Writes the commands of one turn of the event loop together; replies arrive in order.

    A reply whose caller has given up is still read and dropped in its turn, so that no caller
    receives the reply of another. A reply that is `timeout_seconds` late closes the connection. A
    closed connection stays closed.

    redis-py connects and authenticates. From then on the bytes go straight to hiredis: the streams
    and tasks in between would cost more than Redis does.
    """

    def __init__(self, connection: DedicatedConnection, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._reader = Reader()
        self._unsent: list[bytes] = []
        self._pending: deque[_PendingCommand] = deque()
        self._timer_due_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        #: The last error reply, and its time on the loop's clock.
        self.last_error: tuple[str, float] | None = None
        self._closed: asyncio.Future[str] = self._loop.create_future()
        self._transport = connection.transport
        self._transport.set_protocol(self)

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed."""
        return self._closed.done()

    async def wait_closed(self) -> str:
        """Wait until the connection is closed, and return the reason."""
        return await asyncio.shield(self._closed)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the connection is closed."""
        self._closed.add_done_callback(lambda _: callback())

    def submit(self, args: tuple[Arg, ...], timeout_seconds: float) -> "asyncio.Future[Any]":
        """Send a command, and return the future of its reply.

        The future may fail instead, within `timeout_seconds`:
            RedisUnavailable: no reply in time, or an error reply.
            NoScriptError: the script is not loaded.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        reply = self._loop.create_future()
        due_at = self._loop.time() + timeout_seconds
        self._write(args, reply, due_at)
        self._set_timer(due_at)
        return reply

    def send(self, args: tuple[Arg, ...]) -> None:
        """Send a command, and ignore its reply.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        self._write(args, None, 0.0)

    def close(self, reason: str) -> None:
        """Close the connection, and fail every pending command at once."""
        if self.is_closed:
            return
        self._closed.set_result(reason)
        with suppress(Exception):  # uvloop raises if it is closed already
            self._transport.abort()
        for timer in (self._timer, self._stuck_timer):
            if timer is not None:
                timer.cancel()
        while self._pending:
            _fail(self._pending.popleft().reply, RedisUnavailable(reason))

    # --- Writing

    def _write(
        self, args: tuple[Arg, ...], reply: "asyncio.Future[Any] | None", due_at: float
    ) -> None:
        if self.is_closed:
            raise RedisUnavailable(self._closed.result())
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(_pack(args))
        self._pending.append(_PendingCommand(reply, self._loop.time(), due_at))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_closed:
            return
        try:
            self._transport.write(b"".join(unsent))
        except Exception as error:  # noqa: BLE001 - uvloop raises RuntimeError if it is closed
            self.close(str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        """Close the connection if Redis goes on not to read.

        Without this, commands whose replies are ignored would pile up for ever.
        """
        self._stuck_timer = self._loop.call_later(_STUCK_SECONDS, self.close, "it does not read")

    def resume_writing(self) -> None:
        """Note that Redis reads again."""
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()

    # --- Reading

    def data_received(self, data: bytes) -> None:
        """Deliver replies to the callers, in the order of their commands."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                self._deliver(reply)
        except Exception as error:  # noqa: BLE001 - hiredis and an empty queue raise various errors
            self.close(f"this is not how Redis answers: {error}")

    def _deliver(self, reply: Any) -> None:
        future = self._pending.popleft().reply
        if not isinstance(reply, ReplyError):
            if future is not None and not future.done():
                future.set_result(reply)
            return
        message = str(reply)
        kind = message.partition(" ")[0]
        if kind == _UNKNOWN_SCRIPT:
            _fail(future, NoScriptError(message))
            return
        self.last_error = message, self._loop.time()
        _fail(future, RedisUnavailable(message))
        if kind in _WRONG_SERVER:
            self.close(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail every pending command."""
        self.close(str(exc or "the connection was closed"))

    # --- Timeouts: one timer for all pending commands, since hardly any reply is late

    def _set_timer(self, due_at: float) -> None:
        if self._timer_due_at is None or due_at < self._timer_due_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due_at = due_at
            self._timer = self._loop.call_at(due_at, self._timer_fired, due_at)

    def _timer_fired(self, due_at: float) -> None:
        if self._loop.time() - due_at > _LATE_SECONDS:
            self._timer = self._loop.call_later(_GRACE_SECONDS, self._expire, due_at, _TURNS)
        else:
            self._expire(due_at, _TURNS)

    def _expire(self, due_at: float, turns: int) -> None:
        """Fail the commands that were due by `due_at`, after some turns of the event loop."""
        if turns:
            self._loop.call_soon(self._expire, due_at, turns - 1)
            return
        self._timer_due_at = None
        for each in self._pending:
            if each.due_at <= due_at:
                _fail(each.reply, RedisUnavailable("no answer in time"))
        if self._is_oldest_too_late():
            self.close("no answer in time")
        awaited = [each.due_at for each in self._pending if _is_awaited(each.reply)]
        if awaited:
            self._set_timer(min(awaited))

    def _is_oldest_too_late(self) -> bool:
        """Return whether the first reply is so late that the connection is given up.

        A caller whose budget was shorter than that fails alone.
        """
        if not self._pending:
            return False
        waited = self._loop.time() - self._pending[0].sent_at
        return waited > self._timeout_seconds - _LATE_SECONDS


def _is_awaited(reply: "asyncio.Future[Any] | None") -> bool:
    return reply is not None and not reply.done()


def _fail(reply: "asyncio.Future[Any] | None", error: Exception) -> None:
    if reply is not None and not reply.done():
        reply.set_exception(error)
