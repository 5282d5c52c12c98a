"""Receive and parse request bodies.

This is fast for bodies that fit their schema. For other bodies, it finds all the errors. ADR 7
explains why msgspec's own validation is not enough.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final, Generic, TypeVar

import msgspec
from msgspec.inspect import StructType, type_info

from domain.validation import ValidationErrors
from entrypoints.http.errors import (
    BodyTooLarge,
    MalformedBody,
    UnsupportedContentCoding,
    UnsupportedContentType,
    disconnect_error,
)
from entrypoints.http.messages.duplicate_keys import duplicate_keys, may_have_duplicate_keys
from entrypoints.http.messages.loose_body import loose_body
from entrypoints.http.messages.query import check_query
from entrypoints.http.messages.request import ApiRequest

MAX_BODY_BYTES: Final = 256 * 1024
_TOO_LARGE: Final = f"A body may have at most {MAX_BODY_BYTES} bytes."
_CHARSETS: Final = {"utf-8", "utf8", "us-ascii"}
_NO_CODING: Final = {"", "identity"}

_TOO_DEEP: Final = "The JSON is nested too deeply."

#: A string (possibly without an end), a number with a fraction or an exponent, or an integer.
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.?)*"?|[0-9]+[.eE][0-9.eE+-]*|(?P<integer>[0-9]+)', re.DOTALL
)

T = TypeVar("T")
Schema = TypeVar("Schema", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ParsedBody(Generic[Schema]):
    """A body with its schema's attributes, and the errors found in its structure so far.

    The values have not been validated. If there are errors, they can be of any JSON type.
    """

    body: Schema
    errors: ValidationErrors


async def read_json(request: ApiRequest, schema: type[Schema]) -> ParsedBody[Schema]:
    """Receive and parse the request's JSON body.

    Raises:
        UnsupportedContentType, UnsupportedContentCoding, BodyTooLarge, MalformedBody.
        Invalid: it is not a JSON object.
    """
    raw = await receive_body(request, "application/json")
    errors = ValidationErrors()
    check_query(request, errors)
    return parse_json(raw, schema, errors)


async def receive_body(request: ApiRequest, media_type: str) -> bytes:
    """Return the whole body, which must have this media type.

    Litestar's own method creates a mapping of all headers and a generator of the parts first. For
    an order, that takes as long as validating it.

    Raises:
        UnsupportedContentType, UnsupportedContentCoding: the headers are not acceptable.
        BodyTooLarge: it has more than `MAX_BODY_BYTES`.
        MalformedBody, MalformedRequest, RequestTimeout, RequestHeadTooLarge: it did not arrive.
    """
    _ensure_no_coding(request)
    _ensure_content_type(request, media_type)
    announced = request.header(b"content-length") or ""
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise BodyTooLarge(_TOO_LARGE)
    body = bytearray()
    more = True
    while more:
        part = await request.receive()
        if part["type"] != "http.request":  # the client has disconnected
            raise disconnect_error(part)
        body += part.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(_TOO_LARGE)
        more = part.get("more_body", False)
    return bytes(body)


def _ensure_no_coding(request: ApiRequest) -> None:
    codings = request.list_header(b"content-encoding")
    if codings and any(each.strip().lower() not in _NO_CODING for each in codings.split(",")):
        raise UnsupportedContentCoding("Send the body without a Content-Encoding.")


def _ensure_content_type(request: ApiRequest, media_type: str) -> None:
    if request.header(b"content-type") == media_type:  # the usual spelling
        return
    given, parameters = request.content_type
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if given.lower() != media_type or charset not in _CHARSETS:
        raise UnsupportedContentType(f"Send the body as {media_type} in UTF-8.")


def parse_json(
    raw: bytes, schema: type[Schema], errors: ValidationErrors | None = None
) -> ParsedBody[Schema]:
    """Parse the JSON in `raw`, directly into `schema` if it fits.

    `errors` are the errors already found in the request.

    Raises:
        MalformedBody: it is not well-formed JSON.
        Invalid: it is not a JSON object.
    """
    errors = ValidationErrors() if errors is None else errors
    if not raw or raw.isspace():
        raise MalformedBody("The body is empty: send a JSON object.")
    try:
        fitting = _decode(_decoder(schema), raw)
    except (msgspec.ValidationError, InvalidOperation):
        value = _decode_any(raw)
    else:
        if may_have_duplicate_keys(raw):
            _add_duplicate_keys(raw, errors)
        return ParsedBody(fitting, errors)
    _add_duplicate_keys(raw, errors)
    body = loose_body(value, _struct_type(schema), errors)
    if not isinstance(value, dict):
        errors.raise_if_any()
    return ParsedBody(body, errors)


def _add_duplicate_keys(raw: bytes, errors: ValidationErrors) -> None:
    try:
        for path in duplicate_keys(raw):
            errors.add("repeated-field", "Must not be repeated.", *path)
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error


def _decode_any(raw: bytes) -> object:
    try:
        return _decode(_any_decoder, raw)
    except msgspec.ValidationError:  # an integer with thousands of digits needs a Decimal
        return _decode(_any_decoder, _TOKEN.sub(_with_exponent, raw))


def _with_exponent(token: re.Match[bytes]) -> bytes:
    """Make sure that an integer is parsed as a Decimal. Other tokens are returned unchanged."""
    return token[0] + b"e0" if token["integer"] else token[0]


def _decode(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """Decode `raw`.

    Raises:
        MalformedBody: the part that the decoder has read is not well-formed JSON.
        msgspec.ValidationError: it does not have the decoder's type.
        InvalidOperation: a number's exponent is too large even for Decimal.
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


def _parse_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # the exponent is too large even for Decimal
        return Decimal("NaN")


@cache
def _decoder(schema: type[Schema]) -> "msgspec.json.Decoder[Schema]":
    return msgspec.json.Decoder(schema, float_hook=Decimal)


@cache
def _struct_type(schema: type[msgspec.Struct]) -> StructType:
    info = type_info(schema)
    if not isinstance(info, StructType):
        raise TypeError(f"{schema} is not a struct")
    return info


_any_decoder: Final = msgspec.json.Decoder(float_hook=_parse_number)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
