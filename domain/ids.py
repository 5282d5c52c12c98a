"""Identities. UUID version 7 (RFC 9562): made by the application, in the order of creation."""

from typing import NewType
from uuid import UUID

OrderId = NewType("OrderId", UUID)
UserId = NewType("UserId", UUID)
EventId = NewType("EventId", UUID)
