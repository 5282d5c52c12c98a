"""Errors of the brokers. An unreachable Redis is a `RedisUnavailable`."""


class TaskAlreadyQueued(Exception):
    """A task of this id waits or runs already; nothing was added."""


class QueueFull(Exception):
    """The queue is full and stayed so for a while; nothing was added."""
