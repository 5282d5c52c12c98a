"""A Redis connection that is shared by all callers of a process."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

from hiredis import Reader, ReplyError, pack_command
from redis.exceptions import NoScriptError

from libraries.redis_client.connection import DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable

#: A command's name or one of its arguments.
Arg: TypeAlias = str | bytes | int

#: hiredis's type stub only allows a single argument.
_pack: Final[Callable[[tuple[Arg, ...]], bytes]] = cast("Any", pack_command)
#: Returned by the reader if there is no complete reply yet. RESP2 does not have booleans.
_INCOMPLETE: Final = False

#: If a timer fires this late, the event loop is busy, and Redis may not be slow at all.
_LATE_SECONDS: Final = 0.01
#: In that case, the reply gets this much more time.
_GRACE_SECONDS: Final = 0.02
#: The number of event loop iterations to wait before a timed-out command fails. The socket is read
#: one iteration after the timers have fired, and replies are delivered in the one after that.
_TURNS: Final = 3

#: How long Redis may stop reading the commands that are sent to it.
_STUCK_SECONDS: Final = 1.0

_UNKNOWN_SCRIPT: Final = "NOSCRIPT"
#: Error replies which mean that this is no longer, or not yet, the right server.
_WRONG_SERVER: Final = frozenset(
    ("READONLY", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "NOAUTH", "MOVED", "ASK")
)


class Batch(Protocol):
    """A command that is completed when it is sent. It receives its reply like a future."""

    def command(self) -> tuple[Arg, ...]:
        """Return the complete command. It is sent right afterwards."""

    def done(self) -> bool:
        """Whether the reply or an error has arrived."""

    def set_result(self, reply: Any) -> None:
        """Receive the reply."""

    def set_exception(self, error: Exception) -> None:
        """Receive an error."""


#: Receives a reply. None if it is ignored.
_Receiver: TypeAlias = "asyncio.Future[Any] | Batch | None"


@dataclass(slots=True)
class _PendingCommand:
    """A command that is waiting for its reply. Times are event loop times."""

    reply: _Receiver
    sent_at: float
    due_at: float


class MultiplexedConnection(asyncio.Protocol):
    """Writes all commands of an event loop iteration together. Replies arrive in order.

    If a caller has given up, its reply is still read, because otherwise the next caller would get
    it. If a reply takes longer than `timeout_seconds`, the connection is closed and stays closed.

    Once redis-py has connected and authenticated, bytes are passed straight to hiredis. The streams
    and tasks in between would be more expensive than Redis itself.
    """

    def __init__(self, connection: DedicatedConnection, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._reader = Reader()
        self._unsent: list[bytes | Batch] = []
        self._pending: deque[_PendingCommand] = deque()
        self._timer_due_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        #: The last error reply and its event loop time.
        self.last_error: tuple[str, float] | None = None
        self._closed: asyncio.Future[str] = self._loop.create_future()
        self._transport = connection.transport
        self._transport.set_protocol(self)

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed."""
        return self._closed.done()

    async def wait_closed(self) -> str:
        """Wait until the connection is closed and return the reason."""
        return await asyncio.shield(self._closed)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Register a callback for when the connection is closed."""
        self._closed.add_done_callback(lambda _: callback())

    def submit(self, args: tuple[Arg, ...], timeout_seconds: float) -> "asyncio.Future[Any]":
        """Send a command and return a future for its reply.

        The future is done within `timeout_seconds`. It may contain these exceptions:
            RedisUnavailable: there was no reply in time, or it was an error.
            NoScriptError: the script is not loaded.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        reply = self._loop.create_future()
        due_at = self._loop.time() + timeout_seconds
        self._write(_pack(args), reply, due_at)
        self._set_timer(due_at)
        return reply

    def submit_batch(self, batch: Batch, due_at: float) -> None:
        """Send a batch, which may still grow until the end of this event loop iteration.

        It receives its reply or an error by `due_at`, an event loop time.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        self._write(batch, batch, due_at)
        self._set_timer(due_at)

    def send(self, args: tuple[Arg, ...]) -> None:
        """Send a command and ignore its reply.

        Raises:
            RedisUnavailable: the connection is closed.
        """
        self._write(_pack(args), None, 0.0)

    def close(self, reason: str) -> None:
        """Close the connection. All pending commands fail immediately."""
        if self.is_closed:
            return
        self._closed.set_result(reason)
        with suppress(Exception):  # uvloop raises if it is already closed
            self._transport.abort()
        for timer in (self._timer, self._stuck_timer):
            if timer is not None:
                timer.cancel()
        while self._pending:
            _fail(self._pending.popleft().reply, RedisUnavailable(reason))

    # --- Writing

    def _write(self, command: bytes | Batch, reply: _Receiver, due_at: float) -> None:
        if self.is_closed:
            raise RedisUnavailable(self._closed.result())
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(command)
        self._pending.append(_PendingCommand(reply, self._loop.time(), due_at))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_closed:
            return
        try:
            self._transport.write(b"".join(map(_packed, unsent)))
        except Exception as error:  # noqa: BLE001 - uvloop raises RuntimeError if it's closed
            self.close(str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        """Close the connection if Redis doesn't start reading again soon.

        Otherwise, commands sent without waiting for a reply could pile up indefinitely.
        """
        self._stuck_timer = self._loop.call_later(_STUCK_SECONDS, self.close, "it stopped reading")

    def resume_writing(self) -> None:
        """Keep the connection, because Redis is reading again."""
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()

    # --- Reading

    def data_received(self, data: bytes) -> None:
        """Deliver replies to their callers, in the order of the commands."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                self._deliver(reply)
        except Exception as error:  # noqa: BLE001 - from hiredis, or because nothing was pending
            self.close(f"invalid reply: {error}")

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
        """Fail all pending commands."""
        self.close(str(exc or "the connection was closed"))

    # --- Timeouts. Late replies are rare, so all pending commands share one timer.

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
        """Fail all commands that were due by `due_at`, after waiting for some loop iterations."""
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
        """Return whether the oldest reply is so late that the connection should be closed.

        If only a caller's own budget was shorter than that, just this caller's command fails.
        """
        if not self._pending:
            return False
        waited = self._loop.time() - self._pending[0].sent_at
        return waited > self._timeout_seconds - _LATE_SECONDS


def _packed(command: bytes | Batch) -> bytes:
    return command if isinstance(command, bytes) else _pack(command.command())


def _is_awaited(reply: _Receiver) -> bool:
    return reply is not None and not reply.done()


def _fail(reply: _Receiver, error: Exception) -> None:
    if reply is not None and not reply.done():
        reply.set_exception(error)
