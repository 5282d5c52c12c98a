"""A cancellation that was swallowed on its way, heard all the same."""

import asyncio


def heed_cancellation() -> None:
    """End the present task, where somebody has asked it to end and a library kept that to itself.

    aiokafka's `close` may swallow a cancellation, and so may `asyncio.wait_for`, which redis
    calls, before Python 3.12. Whoever waits for either in a loop asks here in every round.

    Raises:
        asyncio.CancelledError: somebody has.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
