"""The schemas of bodies: msgspec's of the shapes, and what a Struct cannot say of itself."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from domain.actor import ActorKind, Role
from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import Order, OrderItem, Problem, ProblemFault

Schema = dict[str, Any]
TEMPLATE: Final = "#/components/schemas/{name}"

_NULL: Final = {"type": "null"}
#: Enums in their own order: msgspec sorts them.
_ENUMS: Final[tuple[type[StrEnum], ...]] = (OrderStatus, Role, ActorKind, Outcome)
#: Shapes that leave out what is not there, and never write null for it.
_WITHOUT_NULL: Final = (Order, OrderItem, Problem, ProblemFault)


def schemas_of(shapes: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """The schema of each shape, and the components that they refer to."""
    shapes = tuple(shapes)
    schemas, components = msgspec.json.schema_components(shapes, ref_template=TEMPLATE)
    for enum in _ENUMS:
        if component := components.get(enum.__name__):
            component |= {"type": "string", "enum": [each.value for each in enum]}
    for shape in _WITHOUT_NULL:
        if component := components.get(shape.__name__):
            _leave_out_null(shape, component)
    return dict(zip(shapes, schemas, strict=True)), dict(sorted(components.items()))


def _leave_out_null(shape: type[msgspec.Struct], component: Schema) -> None:
    for field in msgspec.structs.fields(shape):
        if field.default is None:
            described = component["properties"][field.encode_name]
            del described["default"]
            described["anyOf"].remove(_NULL)
            if len(described["anyOf"]) == 1:
                described |= described.pop("anyOf")[0]
