"""Injects the handler parameters that are marked `FromDishka`, once during startup.

dishka's own integration calls the container in every request. Our use cases live as long as the
process, so calling it once during startup is enough.
"""

from copy import copy
from inspect import signature
from typing import Any, get_type_hints

from dishka import AsyncContainer
from dishka.entities.key import DependencyKey
from dishka.integrations.base import default_parse_dependency
from litestar.handlers import HTTPRouteHandler

from entrypoints.http.dispatch import Endpoint, endpoint_of


class Injection:
    """The marked parameters of one application's handlers."""

    def __init__(self) -> None:
        #: The handlers that can be called without Litestar, by the functions that it calls.
        self.endpoints: dict[Any, Endpoint] = {}
        self._bound: list[tuple[dict[str, DependencyKey], dict[str, Any]]] = []

    def bind(self, handler: HTTPRouteHandler) -> HTTPRouteHandler:
        """Return the handler without its marked parameters, which `fill` provides later."""
        function = handler.fn
        hints = get_type_hints(function, include_extras=True)
        parameters = signature(function).parameters
        wanted = {
            name: key
            for name, parameter in parameters.items()
            if (key := default_parse_dependency(parameter, hints[name]))
        }
        arguments: dict[str, Any] = {}
        left_hints = {name: hints[name] for name in hints if name not in wanted}
        endpoint = endpoint_of(function, handler.before_request, left_hints, arguments)
        if not wanted:
            self._add(function, endpoint)
            return handler
        self._bound.append((wanted, arguments))

        async def bound(**parsed: Any) -> Any:
            return await function(**parsed, **arguments)

        # Litestar finds out a handler's parameters from its annotations.
        bound.__name__ = function.__name__
        bound.__annotations__ = left_hints
        left = [parameters[name] for name in parameters if name not in wanted]
        bound.__signature__ = signature(function).replace(parameters=left)  # type: ignore[attr-defined]
        self._add(bound, endpoint)
        return copy(handler)(bound)

    def _add(self, key: Any, endpoint: Endpoint | None) -> None:
        if endpoint is not None:
            self.endpoints[key] = endpoint

    async def fill(self, container: AsyncContainer) -> None:
        """Get every marked parameter from the container.

        Raises:
            NoFactoryError: there is no provider for a parameter.
        """
        for wanted, arguments in self._bound:
            for name, key in wanted.items():
                arguments[name] = await container.get(key.type_hint, key.component)
