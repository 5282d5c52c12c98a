"""Ids in paths. A malformed id has the same response as an unknown one."""

from uuid import UUID

from application.errors import SessionNotFound
from domain.errors import Invalid, OrderNotFound
from domain.ids import OrderId, SessionId, UserId
from entrypoints.http.messages.query import parse_uuid

_UNKNOWN_USER = UserId(UUID(int=0))


def order_id_of(text: str) -> OrderId:
    """Return an order's id.

    Raises:
        OrderNotFound: it is malformed.
    """
    try:
        return OrderId(parse_uuid(text))
    except Invalid:
        raise OrderNotFound from None


def session_id_of(text: str) -> SessionId:
    """Return a session's id.

    Raises:
        SessionNotFound: it is malformed.
    """
    try:
        return SessionId(parse_uuid(text))
    except Invalid:
        raise SessionNotFound from None


def user_id_of(text: str) -> UserId:
    """Return a user's id, or an unknown one if it is malformed."""
    try:
        return UserId(parse_uuid(text))
    except Invalid:
        return _UNKNOWN_USER
