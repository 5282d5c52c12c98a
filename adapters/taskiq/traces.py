"""The trace that a task belongs to, carried from whoever brings it to whoever runs it."""

from typing import Final

from taskiq import TaskiqMessage, TaskiqMiddleware

from application.tracing import caused_by

#: The label that carries it; a worker of an earlier release overlooks it.
_LABEL: Final = "traceparent"


class TaskTraces(TaskiqMiddleware):
    """Hands `caused_by` on from the process that brings a task to the one that runs it."""

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Write down what caused the task."""
        if (cause := caused_by.get()) is not None:
            message.labels[_LABEL] = cause
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Let what the task does be caused by the same."""
        caused_by.set(message.labels.get(_LABEL))
        return message
