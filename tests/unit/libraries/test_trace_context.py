import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.ids import EventId
from libraries.trace_context import current_traceparent, traceparent_of
from tests.support.orders import IDS
from tests.support.time import NOW

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def caused(by: str | None) -> Iterator[None]:
    token = current_traceparent.set(by)
    try:
        yield
    finally:
        current_traceparent.reset(token)


def an_id() -> EventId:
    return EventId(IDS.new(NOW))


@pytest.mark.parametrize("flags", ["00", "01"])
def test_an_event_continues_the_trace_of_its_cause(flags: str) -> None:
    with caused(f"00-{TRACE}-{SPAN}-{flags}"):
        _, trace, span, found_flags = traceparent_of(an_id()).split("-")
    assert (trace, found_flags) == (TRACE, flags)
    assert span != SPAN


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-00",
        f"ff-{TRACE}-{SPAN}-00",
        f"00-{'0' * 32}-{SPAN}-00",
        f"00-{TRACE}-{'0' * 16}-00",
        f"00-{TRACE}-{SPAN}-00\n",
    ],
)
def test_without_a_valid_cause_an_event_starts_a_new_trace(traceparent: str | None) -> None:
    with caused(traceparent):
        first, second = traceparent_of(an_id()), traceparent_of(an_id())
    assert first.split("-")[1] != second.split("-")[1]
    for each in (first, second):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", each)
        assert TRACE not in each
