from application.ports.events import Delivery


def test_a_header_is_its_last_value() -> None:
    message = Delivery(None, None, (("a", b"1"), ("b", None), ("a", b"2")))
    assert message.header("a") == b"2"
    assert message.header("b") is None
    assert message.header("c") is None
