"""Let a supervisor see whether a long-running loop is making progress.

The functions find the heartbeat through a context variable, so they can be called at any depth
without passing the supervisor around. Outside a supervised loop they do nothing.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class Heartbeat:
    """The progress of one loop, and whether it can be canceled right now."""

    def __init__(self) -> None:
        self.beats = 0
        self.rounds = 0
        #: Whether the loop is idle. An idle loop isn't expected to make progress.
        self.is_idle = False
        #: Whether the loop is between two rounds and can be canceled safely.
        self.may_end = False
        #: Set when the loop should end.
        self.stop = asyncio.Event()


#: The current loop's heartbeat.
heartbeat: Final[ContextVar[Heartbeat | None]] = ContextVar("heartbeat", default=None)


def beat() -> None:
    """Report progress in the middle of a round."""
    if (mine := heartbeat.get()) is not None:
        mine.beats += 1


def round_done() -> None:
    """Report that a round has succeeded, which resets the supervisor's failure count."""
    if (mine := heartbeat.get()) is not None:
        mine.beats += 1
        mine.rounds += 1


@contextmanager
def between_rounds(*, idle: bool = False) -> Iterator[None]:
    """Mark a block during which the loop can be canceled.

    Set `idle` if the block may take any amount of time without making progress.

    Raises:
        asyncio.CancelledError: the loop should end.
    """
    mine = heartbeat.get()
    if mine is None:
        yield
        return
    if mine.stop.is_set():
        raise asyncio.CancelledError
    mine.may_end, mine.is_idle = True, idle
    try:
        yield
    finally:
        mine.may_end = mine.is_idle = False


def stop_signal() -> asyncio.Event:
    """Return the event that is set when the current loop should end."""
    mine = heartbeat.get()
    return asyncio.Event() if mine is None else mine.stop
