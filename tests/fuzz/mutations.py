"""Mutate valid requests."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from tests.fuzz.wire import Request

Mutation = Callable[[Random, Request], Request]


class Raw(str):
    """JSON text that is written verbatim."""

    __slots__ = ()


#: JSON texts, valid or not, that have broken services before.
JSON_VALUES: Final = tuple(
    map(
        Raw,
        [
            *("null", "true", "false", "[]", "{}", "[null]", '[{"":{}}]', '{"a":{"b":[1]}}'),
            *("0", "-0", "-0.0", "-1", "1", "1.5", "0.1", "1e1", "19.999", "999999999.99"),
            *("1000000000", "2147483648", "9223372036854775808", "18446744073709551616"),
            *("1e400", "-1e400", "1e-400", "1E999999999999999999", "4.35e-324", "1e308"),
            *("9" * 100, "-" + "9" * 400, "9" * 5000, "0." + "0" * 400 + "1", "1" + "0" * 300),
            *("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000"),
            *('""', '" "', '"0"', '"NaN"', '"1_000"', '"1,5"', '"-0"', '"1e400"', '"19.90"'),
            *('"\u0661\u0662"', '"\U0001f375"', '"\u202e\ufeff"', '"e\u0301"', '"\u00e9"'),
            *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83c\\udf75"'),
            *('"PAID"', '"paid"', '"SHIPPED"', '"CANCELED"', '"EUR"', '"JPY"', '"XXX"'),
            *('"2026-02-30T00:00:00Z"', '"00000000-0000-0000-0000-000000000000"', "'x'"),
            *(f'"{"x" * size}"' for size in (64, 65, 128, 129, 200, 201, 500, 501, 70_000)),
            *("[" * depth + "]" * depth for depth in (50, 500, 5000)),
            *('{"a":' * depth + "1" + "}" * depth for depth in (500, 5000)),
        ],
    )
)
FIELDS: Final = (
    *("items", "total_price", "currency", "reference", "product_id", "name", "quantity"),
    *("price", "attributes", "status", "reason", "email", "password", "id", "role", "", "~/"),
    *("current_password", "new_password", "token", "scope"),
    *("\0", "\U0001f375", "a" * 300, "__proto__", "__class__"),
)
FORM_FIELDS: Final = (
    *(b"username", b"password", b"grant_type", b"scope", b"client_id", b"client_secret", b"x"),
    *(b"refresh_token", b"token", b"token_type_hint", b"assertion"),
)
TEXTS: Final = (
    *(b"", b" ", b"%00", b"%ff", b"%ed%a0%80", b"%", b"%zz", b"..", b"%2e%2e", b"%2f", b"//"),
    *(b"\xff\xfe", "\u00e9".encode(), b"%F0%9F%8D%B5", b"0", b"-1", b"1.5", b"9" * 30, b"x" * 3000),
    *(b"null", b"NaN", b"*", b"W/", b'"', b'"v1"', b'W/"v1p"', b'"v99999999999999"', b",", b";"),
    *(b"2026-01-01T00:00:00Z", b"0001-01-01T00:00:00%2B23:59", b"9999-12-31T23:59:59-23:59"),
    *(b"00000000-0000-0000-0000-000000000000", b"PAID", b"SHIPPED", b"?", b"#", b"&", b"=", b"\t"),
)
METHODS: Final = (
    *(b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"),
    *(b"PROPFIND", b"get", b"BREW", b"QUERY"),
)
HEADERS: Final = (
    *(b"authorization", b"content-type", b"if-match", b"if-none-match", b"x-request-id"),
    *(b"accept", b"accept-encoding", b"content-encoding", b"range", b"origin", b"cookie"),
    *(b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"x-http-method-override"),
    *(b"x-forwarded-prefix", b"access-control-request-headers", b"tracestate"),
    *(b"access-control-request-method", b"connection", b"te", b"expect", b"idempotency-key"),
    *(b"if-modified-since", b"x" * 300, b"traceparent", b"content-language"),
)
CONTENT_TYPES: Final = (
    *(b"application/json", b"application/x-www-form-urlencoded", b"text/plain", b"*/*", b""),
    *(b"application/json; charset=utf-16", b"application/json; charset", b"application/json;;="),
    *(b"multipart/form-data; boundary=x", b"application/msgpack", b"application/problem+json"),
)


def mutated(chance: Random, request: Request) -> Request:
    """Return the request with one or more mutations."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        request = chance.choice(_MUTATIONS)(chance, request)
    return request


# --- bodies


def _json(chance: Random, request: Request) -> Request:
    try:
        changed = written(_changed(chance, json.loads(request.body)))
    except (ValueError, RecursionError):  # an earlier mutation broke the JSON
        return _bytes(chance, request)
    return replace(request, body=changed.encode("utf-8", "surrogatepass"))


def written(value: Any) -> str:
    """Return the value as JSON. Raw text is included verbatim."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{written(value[name])}' for name in value)}}}"
    return json.dumps(value)


def _changed(chance: Random, value: Any) -> Any:
    """Return the value with one change."""
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], _changed(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        return value | {name: _changed(chance, value[name])}
    return _replaced(chance, value)


def _replaced(chance: Random, value: Any) -> Any:
    match value:
        case list() if chance.random() < 0.7:
            return chance.choice((value[1:], value * 2, value * 60, [value], [*value, value]))
        case dict() if chance.random() < 0.7:
            added = {chance.choice(FIELDS): chance.choice(JSON_VALUES)}
            dropped = dict(list(value.items())[1:])
            return chance.choice((value | added, value | added, dropped, dropped | added))
        case str() if chance.random() < 0.3:
            return chance.choice((value * 100, value + "\0", value.upper(), value[1:]))
    return chance.choice(JSON_VALUES)


def _form(chance: Random, request: Request) -> Request:
    name = chance.choice(FORM_FIELDS)
    return replace(request, body=b"%s&%s=%s" % (request.body, name, chance.choice(TEXTS)))


def _bytes(chance: Random, request: Request) -> Request:
    return replace(request, body=_damaged(chance, request.body))


def _no_body(_: Random, request: Request) -> Request:
    return replace(request, body=b"")


def _huge_body(chance: Random, request: Request) -> Request:
    size = 256 * 1024 + chance.choice((-1, 0, 1, 100_000))
    return replace(request, body=request.body.ljust(size))


def _chunked(_: Random, request: Request) -> Request:
    return replace(request, chunked=True)


def _damaged(chance: Random, text: bytes) -> bytes:
    """Return the text with some bytes replaced, removed, duplicated or inserted."""
    at = chance.randrange(len(text) + 1)
    to = min(len(text), at + chance.choice((1, 1, 2, 5, 40)))
    noise = bytes(chance.randrange(256) for _ in range(chance.choice((1, 1, 2, 8))))
    filling = chance.choice((b"", noise, text[at:to] * 2, chance.choice(TEXTS)))
    return text[:at] + filling + text[to:]


# --- everything before the body


def _method(chance: Random, request: Request) -> Request:
    return replace(request, method=chance.choice(METHODS))


def _path(chance: Random, request: Request) -> Request:
    path, mark, query = request.target.partition(b"?")
    steps = path.split(b"/")
    at = chance.randrange(1, len(steps))
    change = chance.choice(
        (b"", chance.choice(TEXTS), _damaged(chance, steps[at]), steps[at] + b"/")
    )
    steps[at] = change
    return replace(request, target=_sendable(b"/".join(steps) + mark + query))


def _query(chance: Random, request: Request) -> Request:
    names = (b"limit", b"cursor", b"status", b"reference", b"created_after", b"created_before")
    name = chance.choice((*names, b"user_id", b"", b"x", chance.choice(TEXTS)))
    mark = b"&" if b"?" in request.target else b"?"
    added = b"%s%s%s=%s" % (request.target, mark, name, chance.choice(TEXTS))
    return replace(request, target=_sendable(added))


def _damaged_target(chance: Random, request: Request) -> Request:
    return replace(request, target=_sendable(_damaged(chance, request.target)))


def _sendable(target: bytes) -> bytes:
    """Return the target without bytes that would end the request line."""
    kept = bytes(byte for byte in target if byte > 0x20)
    return kept if kept.startswith(b"/") else b"/" + kept


def _header(chance: Random, request: Request) -> Request:
    name = chance.choice(HEADERS)
    noise = bytes(chance.randrange(0x20, 256) for _ in range(chance.choice((0, 3, 20))))
    value = chance.choice((chance.choice(TEXTS), noise, noise * 50, b"Bearer " + noise))
    return replace(request, headers=(*request.headers, (name, value.replace(b"\x7f", b""))))


def _large_head(chance: Random, request: Request) -> Request:
    size = chance.choice((1000, 8000, 30_000, 60_000, 64_000, 66_000, 200_000))
    name = chance.choice((b"x", b"cookie", b"authorization", b"x-request-id", b"if-match"))
    return replace(request, headers=(*request.headers, (name, b"a" * size)))


def _upgrade(chance: Random, request: Request) -> Request:
    to = chance.choice((b"h2c", b"websocket", b"TLS/1.0, HTTP/1.1", b""))
    headers = ((b"connection", b"Upgrade, HTTP2-Settings"), (b"upgrade", to))
    if chance.random() < 0.5:
        return replace(request, headers=(*headers, *request.headers))
    return replace(request, headers=(*request.headers, *headers))


def _half_close(_: Random, request: Request) -> Request:
    return replace(request, half_closed=True)


def _slow(chance: Random, request: Request) -> Request:
    return replace(request, packets=chance.choice((2, 3, 5)))


def _repeated_parameter(chance: Random, request: Request) -> Request:
    """Repeat a query or form parameter with the same or another value."""
    if b"=" in request.body and not request.body.startswith((b"{", b"[")):
        pair = chance.choice(request.body.split(b"&"))
        return replace(request, body=request.body + b"&" + _repeated(chance, pair))
    path, _, query = request.target.partition(b"?")
    if not query:
        query = chance.choice((b"limit=2", b"reference=mine", b"status=PAID", b"user_id=1"))
    pair = chance.choice(query.split(b"&"))
    return replace(request, target=_sendable(b"%s?%s&%s" % (path, query, _repeated(chance, pair))))


def _repeated(chance: Random, pair: bytes) -> bytes:
    name, _, value = pair.partition(b"=")
    return b"%s=%s" % (name, chance.choice((value, value, chance.choice(TEXTS))))


def _content_type(chance: Random, request: Request) -> Request:
    others = tuple(each for each in request.headers if each[0] != b"content-type")
    added = (b"content-type", chance.choice(CONTENT_TYPES))
    return replace(request, headers=(*others, added))


def _lost_header(chance: Random, request: Request) -> Request:
    if not request.headers:
        return request
    lost = chance.randrange(len(request.headers))
    return replace(request, headers=request.headers[:lost] + request.headers[lost + 1 :])


def _damaged_header(chance: Random, request: Request) -> Request:
    if not request.headers:
        return request
    at = chance.randrange(len(request.headers))
    name, value = request.headers[at]
    damaged = (name, _damaged(chance, value).translate(None, b"\r\n\0"))
    return replace(request, headers=(*request.headers[:at], damaged, *request.headers[at + 1 :]))


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_json,) * 12,
    *(_path,) * 3,
    *(_query,) * 3,
    *(_header,) * 3,
    *(_bytes,) * 2,
    *(_method, _form, _content_type, _lost_header, _damaged_header, _damaged_target, _chunked),
    *(_no_body, _huge_body, _large_head, _upgrade, _half_close, _slow, _repeated_parameter),
)
