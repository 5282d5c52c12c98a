"""Receive the bytes of a request's body."""

from typing import Final

from entrypoints.http.errors import (
    BodyTooLarge,
    UnsupportedContentCoding,
    UnsupportedContentType,
    disconnect_error,
)
from entrypoints.http.messages.request import ApiRequest

MAX_BODY_BYTES: Final = 256 * 1024
_TOO_LARGE: Final = f"A body may have {MAX_BODY_BYTES} bytes."
_CHARSETS: Final = {"utf-8", "utf8", "us-ascii"}


async def receive_body(request: ApiRequest, media_type: str) -> bytes:
    """Return the whole body, which must be of the media type.

    Litestar's own method first makes a mapping of all headers and a generator of the parts, which
    costs an order as much as its validation.

    Raises:
        UnsupportedContentType, UnsupportedContentCoding: the headers do not fit.
        BodyTooLarge: it has more than `MAX_BODY_BYTES`.
        MalformedBody, MalformedRequest, RequestTimeout, RequestHeadTooLarge: it does not arrive.
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
    for name, value in request.scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise UnsupportedContentCoding("Send the body without a Content-Encoding.")


def _ensure_content_type(request: ApiRequest, media_type: str) -> None:
    if request.header(b"content-type") == media_type:  # the usual spelling
        return
    given, parameters = request.content_type
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if given.lower() != media_type or charset not in _CHARSETS:
        raise UnsupportedContentType(f"Send the body as {media_type} in UTF-8.")
