"""Parse forms (`application/x-www-form-urlencoded`)."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl

from entrypoints.http.errors import MalformedBody, ParameterError, RepeatedParameter
from entrypoints.http.messages.body import receive_body
from entrypoints.http.messages.request import ApiRequest

_MAX_FIELDS: Final = 1000
#: Decoding an escape takes a hundred times as long as reading a plain character. The longest
#: address and the longest password together have 9,192 escapes.
_MAX_ESCAPES: Final = 10_000


async def read_form(request: ApiRequest, known: Collection[str]) -> Mapping[str, str]:
    """Return the form's parameters that have a value (RFC 6749, appendix B).

    Parameters that are not `known` may be repeated, because OAuth extensions do that (RFC 8707).

    Raises:
        UnsupportedContentType, UnsupportedContentCoding, BodyTooLarge, MalformedBody,
            RepeatedParameter: in this order.
    """
    if not _has_body(request):
        return {}
    raw = await receive_body(request, "application/x-www-form-urlencoded")
    if raw.count(b"&") >= _MAX_FIELDS:
        raise MalformedBody(f"A form may have at most {_MAX_FIELDS} fields.")
    if raw.count(b"%") > _MAX_ESCAPES:
        raise MalformedBody(f"A form may have at most {_MAX_ESCAPES} escaped bytes.")
    try:
        pairs = parse_qsl(raw.decode(), errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedBody("The form is not well-formed UTF-8.") from error
    names = Counter(name for name, _ in pairs)
    if repeated := [name for name in known if names[name] > 1]:
        raise RepeatedParameter(
            ParameterError((name,), "repeated-parameter", "Must not be repeated.")
            for name in repeated
        )
    return dict(pairs)


def _has_body(request: ApiRequest) -> bool:
    """Return False if there is no body. HTTP clients send an empty form like that."""
    names = (b"content-type", b"transfer-encoding")
    has_length = request.header(b"content-length") not in {None, "0"}
    return has_length or any(request.header(name) is not None for name in names)
