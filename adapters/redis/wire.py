"""One connection to Redis that everybody uses at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from hiredis import pack_command
from redis.exceptions import ClusterDownError, NoScriptError, ReadOnlyError, ResponseError

from adapters.redis.errors import OutOfReach

Word = str | bytes | int
Answer = asyncio.Future[Any]

#: The stub of hiredis knows of commands of one word alone.
_pack: Final[Callable[[tuple[Word, ...]], bytes]] = cast("Any", pack_command)

#: A timer that fires so many seconds late tells of a busy event loop, not of a slow Redis,
_LATE: Final = 0.01
#: which then gets so many more.
_GRACE: Final = 0.02
#: What has arrived is read one turn of the event loop after the timers have fired, parsed in the
#: next and told in a third. Until then nobody can know that there is no answer.
_TURNS: Final = 3

#: Answers of a server that is no longer, or not yet, the one to talk to.
_NOT_THIS_SERVER: Final = (ReadOnlyError, ClusterDownError)


class Connection(Protocol):
    """What is used of redis's own connection, which publishes no types for it."""

    async def connect(self) -> None:
        """Connect, authenticate, select the database."""

    async def disconnect(self, *, nowait: bool) -> None:
        """Close the socket."""

    async def send_command(self, *words: Word) -> None:
        """Write one command."""

    async def send_packed_command(self, command: list[bytes], *, check_health: bool) -> None:
        """Write."""

    async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - redis's
        """The next answer; with a timeout, None where none comes in time."""


class Wire:
    """Carries what is asked in one turn of the event loop in one write; answers come in order.

    An answer that nobody waits for any more is still read, and thrown away in its turn: nobody
    ever gets another's. Whoever waits for `too_long` seconds takes the wire down with them; once
    lost, a wire stays lost.
    """

    def __init__(self, connection: Connection, too_long: float) -> None:
        self._connection = connection
        self._too_long = too_long
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._asked: deque[tuple[Answer | None, float]] = deque()
        self._wanted = asyncio.Event()
        self._lost = asyncio.Event()
        self._reason: str | None = None

    @property
    def is_lost(self) -> bool:
        """Whether nobody is answered any more."""
        return self._reason is not None

    async def run(self) -> str:
        """Carry until the connection is lost; the reason why."""
        pumps = [asyncio.create_task(pump) for pump in (self._send(), self._receive())]
        for pump in pumps:
            pump.add_done_callback(self._pump_ended)
        try:
            await self._lost.wait()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await self._connection.disconnect(nowait=True)
        return self._reason or ""

    async def call(self, words: tuple[Word, ...], at_most: float) -> Any:
        """The answer to a command, waited for at most so many seconds.

        Raises:
            OutOfReach: there is none, or it is a refusal.
            NoScriptError: the server does not know the script.
        """
        answer: Answer = self._loop.create_future()
        self._ask(words, answer)
        due = self._loop.time() + at_most
        timer = self._loop.call_at(due, self._ran_out, answer, due)
        try:
            return await answer
        finally:
            timer.cancel()

    def tell(self, words: tuple[Word, ...]) -> None:
        """Send a command whose answer nobody waits for."""
        self._ask(words, None)

    def _ask(self, words: tuple[Word, ...], answer: Answer | None) -> None:
        if self._reason is not None:
            raise OutOfReach(self._reason)
        self._unsent.append(_pack(words))
        self._asked.append((answer, self._loop.time()))
        self._wanted.set()

    async def _send(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            unsent, self._unsent = self._unsent, []
            await self._connection.send_packed_command(unsent, check_health=False)

    async def _receive(self) -> None:
        while True:
            try:
                said = await self._connection.read_response()
            except ResponseError as refusal:
                self._refused(refusal)
            else:
                answer, _ = self._asked.popleft()
                if answer is not None and not answer.done():
                    answer.set_result(said)

    def _refused(self, refusal: ResponseError) -> None:
        answer, _ = self._asked.popleft()
        if answer is not None and not answer.done():
            unknown_script = isinstance(refusal, NoScriptError)
            answer.set_exception(refusal if unknown_script else OutOfReach(str(refusal)))
        if isinstance(refusal, _NOT_THIS_SERVER):
            self.lose(str(refusal))

    def _ran_out(self, answer: Answer, due: float) -> None:
        if self._loop.time() - due > _LATE:
            self._loop.call_later(_GRACE, self._look_again, answer, _TURNS)
        else:
            self._look_again(answer, _TURNS)

    def _look_again(self, answer: Answer, turns: int) -> None:
        if answer.done():
            return
        if turns:
            self._loop.call_soon(self._look_again, answer, turns - 1)
            return
        answer.set_exception(OutOfReach("no answer in time"))
        # Whoever had less patience left than that gives up alone.
        _, asked_at = self._asked[0]
        if self._loop.time() - asked_at > self._too_long - _LATE:
            self.lose("no answer in time")

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        if not pump.cancelled():
            error = pump.exception()
            self.lose(str(error) or type(error).__name__)

    def lose(self, reason: str) -> None:
        """Answer nobody any more: who waits hears it at once."""
        if self._reason is not None:
            return
        self._reason = reason
        self._lost.set()
        while self._asked:
            answer, _ = self._asked.popleft()
            if answer is not None and not answer.done():
                answer.set_exception(OutOfReach(reason))
