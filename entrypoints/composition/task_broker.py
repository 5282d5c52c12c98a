"""The task broker's key in the container.

It is not taskiq's own type, because most processes don't use a broker, and taskiq and pydantic cost
a process 0.1 s of CPU time. The provider imports them when it makes the broker.
"""

from typing import NewType

#: A `taskiq.AsyncBroker`.
TaskBroker = NewType("TaskBroker", object)
