"""Record refused access in the authentication log.

The event is recorded after the response. Otherwise the time to the response would be longer for
another user's order than for an order that doesn't exist.
"""

from typing import Any, Final

from application.accounts.caller import Caller
from application.ports.authentication_log import AuthenticationEvent, AuthenticationEventKind
from domain.actor import ActorKind
from domain.errors import OrderHidden, OrderServiceError
from domain.ids import ClientId
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
        dependencies_of(scope).authentication_log.record(_event(scope, reason))


def _event(scope: Any, reason: str) -> AuthenticationEvent:
    caller: Caller | None = scope.get("user")
    actor = caller.actor if caller else None
    is_client = actor is not None and actor.kind is ActorKind.SERVICE
    return AuthenticationEvent(
        kind=AuthenticationEventKind.ACCESS_REFUSED,
        address=address_in(scope),
        user_id=actor.user_id if actor else None,
        client_id=ClientId(actor.id) if actor and actor.id and is_client else None,
        session_id=caller.session_id if caller else None,
        reason=reason,
    )
