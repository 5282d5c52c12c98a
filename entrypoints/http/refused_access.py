"""Record refused access in the authentication log.

The event is recorded after the response. Otherwise the time to the response would be longer for
another user's order than for an order that doesn't exist.
"""

from typing import Any, Final

from application.ports.authentication_log import AuthenticationEvent, AuthenticationEventKind
from domain.account import Account
from domain.errors import OrderHidden, OrderServiceError
from entrypoints.http.guards import address_in, dependencies_of

#: The reason's key in an ASGI scope.
_REASON: Final = "orders.refused_access"
#: The reason for refusing another user's order. Its problem code would be `order-not-found`.
_FOREIGN_ORDER: Final = "foreign-order"
_INVALID_TOKEN: Final = "token-invalid"  # noqa: S105 - a problem code


def note_refused_access(scope: Any, error: OrderServiceError, status: int, code: str) -> None:
    """Note the reason if `error` refuses access: an invalid token, a 403, or a hidden order.

    `status` and `code` are those of the response.
    """
    if isinstance(error, OrderHidden):
        scope[_REASON] = _FOREIGN_ORDER
    # Missing and expired tokens are part of normal use.
    elif status == 403 or code == _INVALID_TOKEN:
        scope[_REASON] = code


def record_refused_access(scope: Any) -> None:
    """Record an event if the request was refused."""
    reason: str | None = scope.get(_REASON)
    if reason is not None:
        user: Account | None = scope.get("user")
        dependencies_of(scope).authentication_log.record(
            AuthenticationEvent(
                kind=AuthenticationEventKind.ACCESS_REFUSED,
                address=address_in(scope),
                user_id=user.id if user else None,
                reason=reason,
            )
        )
