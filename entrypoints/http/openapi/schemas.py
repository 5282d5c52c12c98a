"""The JSON schemas of bodies, made by msgspec, plus corrections that a Struct can't express."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from domain.actor import ActorKind, Role
from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import OrderItem, OrderSchema, Problem, ProblemFault, Token

Schema = dict[str, Any]
TEMPLATE: Final = "#/components/schemas/{name}"

_NULL: Final = {"type": "null"}
#: The suffix of classes that share their name with a class in another layer. The document omits it.
_SUFFIX: Final = "Schema"
#: The keys in a schema whose value is a class name.
_NAMES: Final = ("$ref", "title")
#: Enums to list in the order of their members, because msgspec sorts them.
_ENUMS: Final[tuple[type[StrEnum], ...]] = (OrderStatus, Role, ActorKind, Outcome)
#: Structs that leave out absent fields instead of writing null.
_WITHOUT_NULL: Final = (OrderSchema, OrderItem, Problem, ProblemFault, Token)


def schemas_of(types: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return each type's schema, and the components that the schemas refer to."""
    types = tuple(types)
    schemas, components = msgspec.json.schema_components(types, ref_template=TEMPLATE)
    for enum in _ENUMS:
        if component := components.get(enum.__name__):
            component |= {"type": "string", "enum": [each.value for each in enum]}
    for struct in _WITHOUT_NULL:
        if component := components.get(struct.__name__):
            _leave_out_null(struct, component)
    named = {name.removesuffix(_SUFFIX): components[name] for name in components}
    return (
        dict(zip(types, _without_suffix(schemas), strict=True)),
        _without_suffix(dict(sorted(named.items()))),
    )


def _without_suffix(value: Any) -> Any:
    """Remove the suffix from schema titles and from the references to them."""
    if isinstance(value, dict):
        return {
            key: member.removesuffix(_SUFFIX)
            if key in _NAMES and isinstance(member, str)
            else _without_suffix(member)
            for key, member in value.items()
        }
    return [_without_suffix(each) for each in value] if isinstance(value, (list, tuple)) else value


def _leave_out_null(struct: type[msgspec.Struct], component: Schema) -> None:
    for field in msgspec.structs.fields(struct):
        if field.default is None:
            described = component["properties"][field.encode_name]
            del described["default"]
            described["anyOf"].remove(_NULL)
            if len(described["anyOf"]) == 1:
                described |= described.pop("anyOf")[0]
