"""Reading a request's body: fast where it is good, and naming all that is wrong where it is not."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec.inspect import ListType, StructType, type_info

from domain.validation import ValidationErrors
from entrypoints.http.errors import (
    BodyTooLarge,
    MalformedBody,
    ParameterError,
    RepeatedParameter,
    UnsupportedContentCoding,
    UnsupportedContentType,
    disconnect_error,
)
from entrypoints.http.messages.duplicate_keys import may_repeat, repeated
from entrypoints.http.messages.name_suggestions import no_such
from entrypoints.http.messages.query_parameters import check_query
from entrypoints.http.messages.request import ApiRequest

#: Bytes.
MAX_BODY: Final = 256 * 1024
_MAX_FORM_FIELDS: Final = 1000
_TOO_LARGE: Final = f"A body may have {MAX_BODY} bytes."
_TOO_DEEP: Final = "The JSON is nested too deeply."

#: A text (its end may be missing), a number with a fraction or an exponent, or a whole one.
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.?)*"?|[0-9]+[.eE][0-9.eE+-]*|(?P<whole>[0-9]+)', re.DOTALL
)

T = TypeVar("T")
Shape = TypeVar("Shape", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ParsedBody(Generic[Shape]):
    """A body in its shape, every value still to be judged, and what is wrong with the shape.

    Where `faults` were found, `body` has the shape's attributes, but any JSON in them.
    """

    body: Shape
    faults: ValidationErrors


async def read_json(request: ApiRequest, shape: type[Shape]) -> ParsedBody[Shape]:
    """The request's JSON body.

    Raises:
        UnsupportedContentType, UnsupportedContentCoding, BodyTooLarge, MalformedBody.
        Invalid: it is no JSON object.
    """
    _ensure_content_type(request, "application/json")
    raw = await _read(request)
    faults = ValidationErrors()
    check_query(request, faults)
    return decode(raw, shape, faults)


async def read_form(request: ApiRequest, known: Collection[str]) -> Mapping[str, str]:
    """The request's form (RFC 6749, appendix B), without the parameters that have no value.

    Only `known` parameters must not be repeated: extensions of OAuth repeat theirs (RFC 8707).

    Raises:
        UnsupportedContentType, UnsupportedContentCoding, BodyTooLarge, MalformedBody,
            RepeatedParameter: in this order.
    """
    _ensure_content_type(request, "application/x-www-form-urlencoded")
    raw = await _read(request)
    if raw.count(b"&") >= _MAX_FORM_FIELDS:
        raise MalformedBody(f"A form may have {_MAX_FORM_FIELDS} fields.")
    try:
        pairs = parse_qsl(raw.decode(), errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedBody("The form is not well-formed UTF-8.") from error
    names = Counter(name for name, _ in pairs)
    if repeated_names := [name for name in known if names[name] > 1]:
        raise RepeatedParameter(
            ParameterError((name,), "repeated-parameter", "Must be given once.")
            for name in repeated_names
        )
    return dict(pairs)


def decode(
    raw: bytes, shape: type[Shape], faults: ValidationErrors | None = None
) -> ParsedBody[Shape]:
    """The JSON in `raw`; decoded straight into `shape` where it fits.

    `faults` are those that the request has already.

    Raises:
        MalformedBody: it is not well-formed JSON.
        Invalid: it is no JSON object.
    """
    faults = ValidationErrors() if faults is None else faults
    if not raw or raw.isspace():
        raise MalformedBody("The body is empty: send a JSON object.")
    try:
        fitting = _decoded(_decoder(shape), raw)
    except msgspec.ValidationError:
        anything = _decode_anything(raw)
    else:
        if may_repeat(raw, fitting):
            _note_repeated(raw, faults)
        return ParsedBody(fitting, faults)
    _note_repeated(raw, faults)
    body = _loosen(anything, _shape_info(shape), faults)
    if not isinstance(anything, dict):
        faults.raise_if_any()
    return ParsedBody(body, faults)


def _note_repeated(raw: bytes, faults: ValidationErrors) -> None:
    try:
        for path in repeated(raw):
            faults.add("repeated-field", "Must be given once.", *path)
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error


def _decode_anything(raw: bytes) -> object:
    try:
        return _decoded(_anything, raw)
    except msgspec.ValidationError:  # an integer of thousands of digits, which a Decimal can hold
        return _decoded(_anything, _TOKEN.sub(_as_decimal, raw))


def _as_decimal(token: re.Match[bytes]) -> bytes:
    """A whole number as one that is read as a Decimal; anything else as it is."""
    return token[0] + b"e0" if token["whole"] else token[0]


def _decoded(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """What `decoder` makes of `raw`.

    Raises:
        MalformedBody: it is not well-formed JSON, as far as it was looked at.
        msgspec.ValidationError: it is not what the decoder looks for.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except UnicodeDecodeError as error:
        raise MalformedBody("The JSON is not well-formed UTF-8.") from error
    except msgspec.DecodeError as error:
        raise MalformedBody(_sentence(error)) from error
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error


def _loosen(value: object, shape: StructType, faults: ValidationErrors, *path: str | int) -> Any:
    """`value` as an object with the attributes of `shape`, whatever is in them."""
    if not isinstance(value, dict):
        faults.add("wrong-type", "Must be an object.", *path)
        return _loosen_object({}, shape, ValidationErrors())
    return _loosen_object(value, shape, faults, *path)


def _loosen_object(
    value: dict[str, Any], shape: StructType, faults: ValidationErrors, *path: str | int
) -> Any:
    known = {field.encode_name: field for field in shape.fields}
    for name in (name for name in value if name not in known):
        faults.add("unknown-field", no_such("field", name, known, faults), *path, name)
    loose = SimpleNamespace()
    for name, field in known.items():
        found = value.get(name, None if field.required else field.default)
        if field.required and name not in value:
            faults.add("missing", "Must be given.", *path, name)
        if isinstance(field.type, ListType) and isinstance(found, list):
            found = [
                _loosen(each, _item_of(field.type), faults, *path, name, index)
                for index, each in enumerate(found)
            ]
        setattr(loose, name, found)
    return loose


def _item_of(array: ListType) -> StructType:
    if not isinstance(array.item_type, StructType):
        raise TypeError("bodies hold arrays of objects only")
    return array.item_type


def _read_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond even Decimal's
        return Decimal("NaN")


@cache
def _decoder(shape: type[Shape]) -> "msgspec.json.Decoder[Shape]":
    return msgspec.json.Decoder(shape, float_hook=_read_number)


@cache
def _shape_info(shape: type[msgspec.Struct]) -> StructType:
    info = type_info(shape)
    if not isinstance(info, StructType):
        raise TypeError(f"{shape} is no struct")
    return info


_anything: Final = msgspec.json.Decoder(float_hook=_read_number)


def _ensure_content_type(request: ApiRequest, wanted: str) -> None:
    _ensure_not_coded(request)
    if request.header(b"content-type") == wanted:  # as nearly all write it
        return
    given, parameters = request.content_type
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if given.lower() != wanted or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedContentType(f"Send the body as {wanted} in UTF-8.")


def _ensure_not_coded(request: ApiRequest) -> None:
    for name, value in request.scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise UnsupportedContentCoding("Send the body without a Content-Encoding.")


async def _read(request: ApiRequest) -> bytes:
    """The whole body, as the server receives it.

    Litestar's own way makes a mapping of all headers and a generator of the parts first, which
    costs an order as much as its validation.

    Raises:
        BodyTooLarge: it is too large.
        MalformedBody, MalformedRequest, RequestTimeout, RequestHeadTooLarge: it does not arrive.
    """
    announced = request.header(b"content-length") or ""
    if announced.isdecimal() and int(announced) > MAX_BODY:
        raise BodyTooLarge(_TOO_LARGE)
    body = bytearray()
    more = True
    while more:
        part = await request.receive()
        if part["type"] != "http.request":  # the client has gone away
            raise disconnect_error(part)
        body += part.get("body", b"")
        if len(body) > MAX_BODY:
            raise BodyTooLarge(_TOO_LARGE)
        more = part.get("more_body", False)
    return bytes(body)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
