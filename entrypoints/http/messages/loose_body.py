"""Give bodies that don't fit their schema its attributes anyway, to validate each value."""

from types import SimpleNamespace
from typing import Any

from msgspec.inspect import ListType, StructType

from domain.validation import ValidationErrors
from entrypoints.http.messages.name_suggestions import no_such


def loose_body(
    value: object, schema: StructType, errors: ValidationErrors, *path: str | int
) -> Any:
    """Return an object with the attributes of `schema`, which can have any JSON value.

    Adds an error for each unknown or missing field, and for each value that should be an object.
    """
    if not isinstance(value, dict):
        errors.add("wrong-type", "Must be an object.", *path)
        return _loose_object({}, schema, ValidationErrors())
    return _loose_object(value, schema, errors, *path)


def _loose_object(
    value: dict[str, Any], schema: StructType, errors: ValidationErrors, *path: str | int
) -> Any:
    known = {field.encode_name: field for field in schema.fields}
    for name in (name for name in value if name not in known):
        errors.add("unknown-field", no_such("field", name, known, errors), *path, name)
    loose = SimpleNamespace()
    for name, field in known.items():
        found = value.get(name, None if field.required else field.default)
        if field.required and name not in value:
            errors.add("missing", "Must be given.", *path, name)
        if isinstance(field.type, ListType) and isinstance(found, list):
            found = [
                loose_body(each, _item_of(field.type), errors, *path, name, index)
                for index, each in enumerate(found)
            ]
        setattr(loose, name, found)
    return loose


def _item_of(array: ListType) -> StructType:
    if not isinstance(array.item_type, StructType):
        raise TypeError("a body may have lists of objects only")
    return array.item_type
