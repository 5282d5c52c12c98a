"""Id types. They are all version 7 UUIDs (RFC 9562), which sort by creation time."""

from typing import NewType
from uuid import UUID

OrderId = NewType("OrderId", UUID)
UserId = NewType("UserId", UUID)
EventId = NewType("EventId", UUID)
SessionId = NewType("SessionId", UUID)
ClientId = NewType("ClientId", UUID)
