"""Trace propagation through the task queue."""

from typing import Final

from taskiq import TaskiqMessage, TaskiqMiddleware

from libraries.trace_context import current_traceparent

#: A worker without this middleware ignores the label.
_LABEL: Final = "traceparent"


class TraceMiddleware(TaskiqMiddleware):
    """Pass the traceparent from the process that enqueues a task to the worker that runs it."""

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Store the current traceparent in the message."""
        if (traceparent := current_traceparent.get()) is not None:
            message.labels[_LABEL] = traceparent
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Continue the trace in the context of the task."""
        current_traceparent.set(message.labels.get(_LABEL))
        return message
