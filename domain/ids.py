"""Types of ids. All are UUIDs version 7 (RFC 9562), which sort by the time of creation."""

from typing import NewType
from uuid import UUID

OrderId = NewType("OrderId", UUID)
UserId = NewType("UserId", UUID)
EventId = NewType("EventId", UUID)
