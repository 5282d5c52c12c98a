from application.patience import OF_A_REQUEST, Patience, patience


def test_every_wait_is_taken_from_what_is_left() -> None:
    of_a_request = Patience(0.5)
    of_a_request.spend(0.125)
    of_a_request.spend(0.25)
    assert of_a_request.left == 0.125


def test_patience_that_is_used_up_stays_at_nothing() -> None:
    of_a_request = Patience()
    of_a_request.spend(60)
    assert of_a_request.left == 0


def test_a_request_has_a_tenth_of_a_second_and_who_is_none_has_no_bound() -> None:
    assert Patience().left == OF_A_REQUEST == 0.1
    assert patience.get() is None
