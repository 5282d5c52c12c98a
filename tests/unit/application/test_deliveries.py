"""The headers of a delivery."""

from application.ports.events import Delivery


def test_last_value_of_a_repeated_header_counts() -> None:
    delivery = Delivery(None, None, (("ce_id", b"1"), ("ce_type", b"x"), ("ce_id", b"2")))
    assert delivery.header("ce_id") == b"2"


def test_missing_header_is_none() -> None:
    assert Delivery(None, None).header("ce_id") is None
