"""The progress of a long-running loop, visible to its supervisor.

A loop calls these functions without a reference to its supervisor, from any depth. Outside of a
supervised loop they do nothing.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class Heartbeat:
    """The progress of one loop, and whether it may be canceled now."""

    def __init__(self) -> None:
        self.beats = 0
        self.rounds = 0
        #: Whether the loop is idle, so that no progress is expected.
        self.is_idle = False
        #: Whether the loop is between two rounds and can be canceled without harm.
        self.may_end = False
        #: Set when the loop must end.
        self.stop = asyncio.Event()


#: The heartbeat of the loop that runs in this context.
heartbeat: Final[ContextVar[Heartbeat | None]] = ContextVar("heartbeat", default=None)


def beat() -> None:
    """Report progress in the middle of a round."""
    if (mine := heartbeat.get()) is not None:
        mine.beats += 1


def round_done() -> None:
    """Report that a round has succeeded: failures are counted from zero again."""
    if (mine := heartbeat.get()) is not None:
        mine.beats += 1
        mine.rounds += 1


@contextmanager
def between_rounds(*, idle: bool = False) -> Iterator[None]:
    """Mark a block in which the loop may be canceled.

    `idle`: the block may also last for any time, without progress.

    Raises:
        asyncio.CancelledError: the loop must end.
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
    """Return the event that is set when the loop of this context must end."""
    mine = heartbeat.get()
    return asyncio.Event() if mine is None else mine.stop
