"""Errors that the brokers raise. If Redis is unreachable, they raise `RedisUnavailable`."""


class TaskAlreadyQueued(Exception):
    """A task with this id is already waiting or running, so it was not added again."""


class QueueFull(Exception):
    """The task was not added because the queue has been full for a while."""
