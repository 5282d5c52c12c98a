"""One connection to Redis that everybody uses at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from hiredis import Reader, ReplyError, pack_command
from redis.exceptions import NoScriptError

from libraries.redis_client.connection import Connection
from libraries.redis_client.errors import RedisUnavailable

Word = str | bytes | int

#: The stub of hiredis knows of commands of one word alone.
_pack: Final[Callable[[tuple[Word, ...]], bytes]] = cast("Any", pack_command)
#: What a reader says where no whole answer has arrived; RESP2 knows no booleans.
_NOTHING: Final = False

#: A timer that fires so many seconds late tells of a busy event loop, not of a slow Redis,
_LATE: Final = 0.01
#: which then gets so many more.
_GRACE: Final = 0.02
#: What has arrived is read one turn of the event loop after the timers have fired, and told in the
#: next. Until then nobody can know that there is no answer.
_TURNS: Final = 3

#: Seconds in which Redis may read nothing of what is written to it.
_STUCK: Final = 1.0

_UNKNOWN_SCRIPT: Final = "NOSCRIPT"
#: How a server refuses that is no longer, or not yet, the one to talk to.
_NOT_THIS_SERVER: Final = frozenset(
    ("READONLY", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "NOAUTH", "MOVED", "ASK")
)


@dataclass(slots=True)
class _Asked:
    """A command that is on its way, and who waits for its answer until when (the loop's clock)."""

    answer: "asyncio.Future[Any] | None"
    at: float
    due: float


class MultiplexedConnection(asyncio.Protocol):
    """Carries what is asked in one turn of the event loop in one write; answers come in order.

    An answer that nobody waits for any more is still read, and thrown away in its turn: nobody
    ever gets another's. Whoever waits for `too_long` seconds takes the wire down with them; once
    lost, a wire stays lost.

    redis connects, authenticates and selects the database; from then on the bytes come here, to
    hiredis, without the streams and tasks in between, which cost more than Redis does.
    """

    def __init__(self, connection: Connection, too_long: float) -> None:
        self._too_long = too_long
        self._loop = asyncio.get_running_loop()
        self._reader = Reader()
        self._unsent: list[bytes] = []
        self._asked: deque[_Asked] = deque()
        self._watched: float | None = None  # when the timer fires, if it is set
        self._watcher: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        #: The last refusal of a command, and its time on the loop's clock.
        self.refusal: tuple[str, float] | None = None
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._transport = connection.transport
        self._transport.set_protocol(self)

    @property
    def is_lost(self) -> bool:
        """Whether nobody is answered any more."""
        return self._lost.done()

    async def lost(self) -> str:
        """Return when the connection is lost, with the reason."""
        return await asyncio.shield(self._lost)

    def when_lost(self, act: Callable[[], None]) -> None:
        """Call `act` when the connection is lost."""
        self._lost.add_done_callback(lambda _: act())

    def ask(self, words: tuple[Word, ...], at_most: float) -> "asyncio.Future[Any]":
        """Send a command; its answer, for whoever waits, is there within so many seconds.

        The answer may be an error instead:
            RedisUnavailable: there is none, or it is a refusal.
            NoScriptError: the server does not know the script.

        Raises:
            RedisUnavailable: the wire is lost.
        """
        answer = self._loop.create_future()
        due = self._loop.time() + at_most
        self._send(words, answer, due)
        self._watch(due)
        return answer

    def tell(self, words: tuple[Word, ...]) -> None:
        """Send a command whose answer nobody waits for.

        Raises:
            RedisUnavailable: the wire is lost.
        """
        self._send(words, None, 0.0)

    def lose(self, reason: str) -> None:
        """Answer nobody any more: who waits hears it at once."""
        if self.is_lost:
            return
        self._lost.set_result(reason)
        with suppress(Exception):  # it is closed already, and uvloop minds
            self._transport.abort()
        for timer in (self._watcher, self._stuck):
            if timer is not None:
                timer.cancel()
        while self._asked:
            _refuse(self._asked.popleft().answer, RedisUnavailable(reason))

    # --- Writing

    def _send(
        self, words: tuple[Word, ...], answer: "asyncio.Future[Any] | None", due: float
    ) -> None:
        if self.is_lost:
            raise RedisUnavailable(self._lost.result())
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(_pack(words))
        self._asked.append(_Asked(answer, self._loop.time(), due))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_lost:
            return
        try:
            self._transport.write(b"".join(unsent))
        except Exception as error:  # noqa: BLE001 - uvloop raises RuntimeError if it is closed
            self.lose(str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        """Redis does not read: where nobody waits for an answer, nobody else would notice."""
        self._stuck = self._loop.call_later(_STUCK, self.lose, "it does not read")

    def resume_writing(self) -> None:
        """It does again."""
        if self._stuck is not None:
            self._stuck.cancel()

    # --- Reading

    def data_received(self, data: bytes) -> None:
        """Tell what has arrived to those who asked, in the order in which they did."""
        try:
            self._reader.feed(data)
            while (said := self._reader.gets()) is not _NOTHING:
                self._tell(said)
        except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over
            self.lose(f"this is not how Redis answers: {error}")

    def _tell(self, said: Any) -> None:
        answer = self._asked.popleft().answer
        if not isinstance(said, ReplyError):
            if answer is not None and not answer.done():
                answer.set_result(said)
            return
        kind = str(said).partition(" ")[0]
        if kind != _UNKNOWN_SCRIPT:
            self.refusal = str(said), self._loop.time()
        _refuse(answer, (NoScriptError if kind == _UNKNOWN_SCRIPT else RedisUnavailable)(str(said)))
        if kind in _NOT_THIS_SERVER:
            self.lose(str(said))

    def connection_lost(self, exc: Exception | None) -> None:
        """There is no connection any more."""
        self.lose(str(exc or "the connection was closed"))

    # --- Watching: one timer for all who wait, for next to nobody waits until it fires

    def _watch(self, due: float) -> None:
        if self._watched is None or due < self._watched:
            if self._watcher is not None:
                self._watcher.cancel()
            self._watched = due
            self._watcher = self._loop.call_at(due, self._ran_out, due)

    def _ran_out(self, due: float) -> None:
        if self._loop.time() - due > _LATE:
            self._watcher = self._loop.call_later(_GRACE, self._look, due, _TURNS)
        else:
            self._look(due, _TURNS)

    def _look(self, due: float, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._look, due, turns - 1)
            return
        self._watched = None
        for each in self._asked:
            if each.due <= due:
                _refuse(each.answer, RedisUnavailable("no answer in time"))
        # Whoever had less patience left than that gives up alone.
        if self._asked and self._loop.time() - self._asked[0].at > self._too_long - _LATE:
            self.lose("no answer in time")
        waiting = [each.due for each in self._asked if _is_awaited(each.answer)]
        if waiting:
            self._watch(min(waiting))


def _is_awaited(answer: "asyncio.Future[Any] | None") -> bool:
    return answer is not None and not answer.done()


def _refuse(answer: "asyncio.Future[Any] | None", error: Exception) -> None:
    if answer is not None and not answer.done():
        answer.set_exception(error)
