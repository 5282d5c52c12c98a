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
            found = _loose_list(found, field.type, errors, *path, name)
        setattr(loose, name, found)
    return loose


def _loose_list(
    elements: list[Any], array: ListType, errors: ValidationErrors, *path: str | int
) -> list[Any]:
    # The domain refuses a list that is too long because of its length, whatever its elements are.
    if array.max_length is not None and len(elements) > array.max_length:
        return elements
    item = _item_of(array)
    return [loose_body(each, item, errors, *path, at) for at, each in enumerate(elements)]


def _item_of(array: ListType) -> StructType:
    if not isinstance(array.item_type, StructType):
        raise TypeError("a body may have lists of objects only")
    return array.item_type
