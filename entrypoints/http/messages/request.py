"""A request to this API, with its headers and its user."""

from typing import Any, cast

from litestar import Request
from litestar.datastructures import State

from domain.account import Account
from domain.actor import Actor
from entrypoints.http.admission import Admission
from entrypoints.http.messages.headers import joined, single


def peer_of(scope: Any) -> str:
    """Return the address of the connection's peer, or an empty string."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class ApiRequest(Request[Account, Any, State]):
    """A request. Behind its route's guard it has a user."""

    def header(self, name: bytes) -> str | None:
        """Return the value of a header that is not a list (name in lower case), or None.

        Raises:
            RepeatedHeader: it is on several lines.
        """
        return single(self.scope, name)

    def list_header(self, name: bytes) -> str | None:
        """Return the value of a list header (name in lower case), or None."""
        return joined(self.scope, name)

    @property
    def admission(self) -> Admission:
        """Return the admission that the guard `for_readers` has begun."""
        admission: Admission = cast("Any", self.scope)["admission"]
        return admission

    @admission.setter
    def admission(self, admission: Admission) -> None:
        cast("Any", self.scope)["admission"] = admission

    @property
    def actor(self) -> Actor:
        """Return the user as an actor."""
        return self.user.actor
