"""Compare messages with section 7 of the contract."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

TYPES: Final = {
    "new_order": "order.created",
    "order_status_changed": "order.status_changed",
    "order_processed": "order.processed",
}
_HEADERS: Final = {
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "content-type",
    "traceparent",
}


def first_deliveries(topic: str, records: Sequence[Any]) -> Mapping[str, list[dict[str, Any]]]:
    """Return each order's values without repeated versions.

    Assert that versions only increase and that every message follows section 7: its key is the
    order's id, and it has the CloudEvents headers.
    """
    values: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        value = json.loads(record.value)
        order = value if topic == "new_order" else value["order"]
        assert record.key == order["id"].encode()
        _assert_headers(topic, order["id"], record.headers)
        if order["version"] in seen[order["id"]]:
            continue
        assert all(order["version"] > earlier for earlier in seen[order["id"]]), records
        seen[order["id"]].append(order["version"])
        values[order["id"]].append(value)
    return values


def _assert_headers(topic: str, order_id: str, pairs: Sequence[tuple[str, bytes]]) -> None:
    headers = {name: value.decode() for name, value in pairs}
    assert len(headers) == len(pairs)
    assert headers.keys() == _HEADERS
    assert headers["ce_specversion"] == "1.0"
    assert UUID(headers["ce_id"]).version == 7
    assert headers["ce_type"] == TYPES[topic]
    assert headers["ce_source"]
    assert headers["ce_subject"] == order_id
    assert headers["ce_time"].endswith("Z")
    assert datetime.fromisoformat(headers["ce_time"]).tzinfo
    assert headers["content-type"] == "application/json"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", headers["traceparent"])


def trace_of(record: Any) -> str:
    """Return a message's trace id."""
    headers: dict[str, bytes] = dict(record.headers)
    return headers["traceparent"].decode().split("-")[1]
