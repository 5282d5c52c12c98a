"""Propagate traces through the task queue."""

from typing import Final

from taskiq import TaskiqMessage, TaskiqMiddleware

from libraries.trace_context import current_traceparent

#: Workers without this middleware ignore the label.
_LABEL: Final = "traceparent"


class TraceMiddleware(TaskiqMiddleware):
    """Passes the traceparent from the process that enqueues a task to the worker that runs it."""

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Store the current traceparent in the message."""
        if (traceparent := current_traceparent.get()) is not None:
            message.labels[_LABEL] = traceparent
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Continue the trace in the task's context."""
        current_traceparent.set(message.labels.get(_LABEL))
        return message
