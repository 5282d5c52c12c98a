"""Parse JSON bodies: fast if they fit their schema, and with every error if they do not.

ADR 7 explains why msgspec's own validation is not enough.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final, Generic, TypeVar

import msgspec
from msgspec.inspect import StructType, type_info

from domain.validation import ValidationErrors
from entrypoints.http.errors import MalformedBody
from entrypoints.http.messages.duplicate_keys import duplicate_keys, may_have_duplicate_keys
from entrypoints.http.messages.loose_body import loose_body
from entrypoints.http.messages.query_parameters import check_query
from entrypoints.http.messages.raw_body import receive_body
from entrypoints.http.messages.request import ApiRequest

_TOO_DEEP: Final = "The JSON is nested too deeply."

#: A string (its end may be missing), a number with a fraction or an exponent, or an integer.
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.?)*"?|[0-9]+[.eE][0-9.eE+-]*|(?P<integer>[0-9]+)', re.DOTALL
)

T = TypeVar("T")
Schema = TypeVar("Schema", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ParsedBody(Generic[Schema]):
    """A body with the attributes of its schema, and the errors of its structure so far.

    The values are not validated. If there are errors, they may even be of any JSON type.
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


def parse_json(
    raw: bytes, schema: type[Schema], errors: ValidationErrors | None = None
) -> ParsedBody[Schema]:
    """Parse the JSON in `raw`, straight into `schema` if it fits.

    `errors` are the errors that the request has already.

    Raises:
        MalformedBody: it is not well-formed JSON.
        Invalid: it is not a JSON object.
    """
    errors = ValidationErrors() if errors is None else errors
    if not raw or raw.isspace():
        raise MalformedBody("The body is empty: send a JSON object.")
    try:
        fitting = _decode(_decoder(schema), raw)
    except msgspec.ValidationError:
        value = _decode_any(raw)
    else:
        if may_have_duplicate_keys(raw, fitting):
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
            errors.add("repeated-field", "Must be given once.", *path)
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error


def _decode_any(raw: bytes) -> object:
    try:
        return _decode(_any_decoder, raw)
    except msgspec.ValidationError:  # an integer of thousands of digits, which fits a Decimal
        return _decode(_any_decoder, _TOKEN.sub(_with_exponent, raw))


def _with_exponent(token: re.Match[bytes]) -> bytes:
    """Return an integer in a form that is parsed as a Decimal, and other tokens as they are."""
    return token[0] + b"e0" if token["integer"] else token[0]


def _decode(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """Decode `raw`.

    Raises:
        MalformedBody: it is not well-formed JSON, as far as the decoder has read it.
        msgspec.ValidationError: it is not of the decoder's type.
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
    except InvalidOperation:  # an exponent beyond even Decimal's
        return Decimal("NaN")


@cache
def _decoder(schema: type[Schema]) -> "msgspec.json.Decoder[Schema]":
    return msgspec.json.Decoder(schema, float_hook=_parse_number)


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
