"""The measurement in `docs/architecture.md`."""

from tools.request_path import Step, Trace
from tools.request_picture import picture

STEPS = [
    Step("entrypoints/http/guards.py", "guard"),
    Step("entrypoints/http/guards.py", "helper"),
    Step("application/orders/place_order.py", "PlaceOrder.__call__"),
    Step("domain/order/order.py", "Order.place"),
    Step("application/orders/place_order.py", "PlaceOrder.<genexpr>"),
]


def test_files_and_layer_changes_are_counted() -> None:
    trace = Trace("POST", STEPS)
    assert trace.files == 3
    assert trace.layer_changes == 3
    assert [step.function for step in trace.stations] == [
        "guard",
        "PlaceOrder.__call__",
        "Order.place",
        "PlaceOrder.<genexpr>",
    ]


def test_a_picture_has_a_box_for_each_station_and_escapes_names() -> None:
    svg = picture("POST <order>", Trace("POST", STEPS).stations)
    assert svg.count("<g>") == 4
    assert "POST &lt;order&gt;" in svg
    assert "PlaceOrder.&lt;genexpr&gt;" in svg
