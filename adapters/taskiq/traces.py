"""The trace that a task belongs to, carried from whoever brings it to whoever runs it."""

from typing import Final

from taskiq import TaskiqMessage, TaskiqMiddleware

from libraries.trace_context import current_traceparent

#: The label that carries it; a worker of an earlier release overlooks it.
_LABEL: Final = "traceparent"


class TaskTraces(TaskiqMiddleware):
    """Pass the traceparent from the process that enqueues a task to the worker that runs it."""

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Write down what caused the task."""
        if (cause := current_traceparent.get()) is not None:
            message.labels[_LABEL] = cause
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Let what the task does be caused by the same."""
        current_traceparent.set(message.labels.get(_LABEL))
        return message
