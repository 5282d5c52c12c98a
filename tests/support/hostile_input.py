"""Input that is meant to be expensive, by name, and harmless input of the same size."""

from collections.abc import Callable
from itertools import count

from entrypoints.http.messages.body import MAX_BODY_BYTES

#: The sizes of large bodies and large headers, in bytes.
BODY, HEAD = MAX_BODY_BYTES - 200, 60_000


def repeated(text: Callable[[int], str], size: int, separator: str = ",") -> str:
    """Return as many of the texts as fit into `size` bytes."""
    texts: list[str] = []
    for number in count():
        texts.append(text(number))
        size -= len(texts[-1]) + len(separator)
        if size < 0:
            return separator.join(texts[:-1])
    raise AssertionError


def an_order(items: str = '{"name":"x"}', total: str = "1") -> str:
    """Return an order as JSON."""
    return f'{{"items":[{items}],"total_price":{total}}}'


_ATTRIBUTES = ",".join(f'"k{number}":"{"v" * 85}"' for number in range(20))
HARMLESS_ORDER = an_order(
    ",".join([f'{{"name":"{"n" * 190}","attributes":{{{_ATTRIBUTES}}}}}'] * 100)
)
_MANY_ATTRIBUTES = repeated(lambda n: f'"k{n}":[]', BODY).join("{}")
#: Hostile bodies for `POST /orders/`, and the expected status.
BODIES = {
    "unknown keys": (repeated(lambda n: f'"k{n}":1', BODY).join("{}"), 422),
    "the same key": (repeated(lambda _: '"a":1', BODY).join("{}"), 422),
    "keys that are almost known": (repeated(lambda n: f'"itmes{n}":1', BODY).join("{}"), 422),
    "items that are not objects": (an_order(repeated(lambda _: "0", BODY)), 422),
    "empty items": (an_order(repeated(lambda _: "{}", BODY)), 422),
    "items with unknown keys": (an_order(repeated(lambda _: '{"a":1}', BODY)), 422),
    "items with duplicate keys": (an_order(repeated(lambda _: '{"name":1,"name":2}', BODY)), 422),
    "attributes": (an_order(f'{{"name":"x","attributes":{_MANY_ATTRIBUTES}}}'), 422),
    "deep arrays": ("[" * (BODY // 2) + "]" * (BODY // 2), 400),
    "deep arrays without an end": ("[" * BODY, 400),
    "deep objects": ('{"a":' * (BODY // 6) + "1" + "}" * (BODY // 6), 400),
    "deep items": (an_order("[" * 900 + "]" * 900), 422),
    "a huge exponent": (an_order(total="1e999999"), 422),
    "an exponent with many digits": (an_order(total="1e" + "9" * BODY), 422),
    "a huge exponent in a string": (an_order(total='"1e999999999"'), 422),
    "a tiny number": (an_order(total="1e-999999999"), 422),
    "10,000 digits": (an_order(total="9" * 10_000), 422),
    "as many digits as possible": (an_order(total="9" * BODY), 422),
    "a long fraction": (an_order(total="1." + "9" * BODY), 422),
    "a quantity with many digits": (an_order('{"name":"x","quantity":%s}' % ("9" * BODY)), 422),
    "a quantity with a huge exponent": (an_order('{"name":"x","quantity":1e999999}'), 422),
    "a product id with many digits": (an_order('{"product_id":%s}' % ("9" * BODY)), 422),
    "an attribute with a huge exponent": (
        an_order('{"name":"x","attributes":{"a":1e999999}}'),
        422,
    ),
    "many huge exponents": (an_order(repeated(lambda _: "1e999999", BODY)), 422),
    "many combining characters": (an_order('{"name":"%s"}' % ("\u0301" * (BODY // 2))), 422),
    "many backslashes": (an_order('{"name":"%s"}' % ("\\\\" * (BODY // 2))), 422),
    "a string without an end": ('{"items":"' + "\\" * BODY, 400),
    "braces in a string": (an_order('{"name":"%s"}' % ("{}" * (BODY // 2))), 422),
}
HARMLESS_FORM = "username=" + "a" * BODY
#: Hostile forms for `POST /token/`, and the expected status.
FORMS = {
    "many fields": (repeated(lambda n: f"k{n}=1", BODY, "&"), 400),
    "the same field": (repeated(lambda _: "username=1", BODY, "&"), 400),
    "separators": ("&" * BODY, 400),
    "escapes": ("username=" + "%41" * (BODY // 3), 400),
    "broken escapes": ("username=" + "%" * BODY, 400),
    "as many escapes as allowed": ("username=" + "%41" * 10_000 + "a" * (BODY - 30_000), 422),
    "spaces": ("username=" + "+" * BODY, 422),
    "combining characters in a password": ("username=a&password=" + "\u0301" * (BODY // 2), 422),
}
HARMLESS_QUERY = "reference=" + "x" * HEAD
#: Hostile queries for `GET /orders/`.
QUERIES = {
    "unknown parameters": repeated(lambda n: f"k{n}=1", HEAD, "&"),
    "the same parameter": repeated(lambda _: "a=1", HEAD, "&"),
    "parameters that are almost known": repeated(lambda n: f"stauts{n}=1", HEAD, "&"),
    "statuses": repeated(lambda n: f"status=X{n}", HEAD, "&"),
    "escapes": "reference=" + "%41" * (HEAD // 3),
    "digits": "limit=" + "9" * HEAD,
    "a long timestamp": "created_after=2026-01-01T00:00:00." + "9" * HEAD,
    "a long cursor": "cursor=" + "A" * HEAD,
}
HARMLESS_TAG = f'"{"v" * HEAD}"'
#: Hostile lists of entity tags.
TAGS = {
    "many tags": repeated(lambda n: f'"v{n + 2}"', HEAD),
    "versions with the same lowest bits": repeated(lambda n: f'"v{(n + 1) << 14}"', HEAD),
    "weak tags": repeated(lambda n: f'W/"v{n + 2}"', HEAD),
    "commas": "," * HEAD,
    "spaces": '"v9"' + " " * HEAD + "x",
    "commas and spaces": ", " * (HEAD // 2) + "x",
    "a tag without an end": '"' + "v" * HEAD,
    "many W": "W/" * (HEAD // 2),
}
