import pytest

from domain.errors import CommonPassword
from domain.password_strength import ensure_hard_to_guess

ADA = "ada.lovelace@example.com"


def fault(password: str, email: str = ADA, common: str = "letmein") -> str:
    """Return the refusal's detail."""
    with pytest.raises(CommonPassword) as refused:
        ensure_hard_to_guess(password, email, common.__eq__)
    (error,) = refused.value.errors
    assert (error.path, error.code) == ((), "common-password")
    return error.detail


@pytest.mark.parametrize("password", ["letmein", "LetMeIn", "LETMEIN"])
def test_a_common_password_is_refused_in_any_case(password: str) -> None:
    assert fault(password) == "Must not be a common password."


@pytest.mark.parametrize(
    "password",
    [
        ADA,
        "Ada.Lovelace@Example.COM",
        "ada.lovelace",
        "AdaLovelace1843",
        "ada-lovelace-ada-lovelace",
        "my ada lovelace",
    ],
)
def test_a_password_that_is_mainly_the_address_is_refused(password: str) -> None:
    assert fault(password) == "Must not consist mainly of the e-mail address."


@pytest.mark.parametrize(
    "password", ["orders123", "Order-Management-Service!", "order.service", "ordersorders"]
)
def test_a_password_that_is_mainly_the_services_name_is_refused(password: str) -> None:
    assert fault(password) == "Must not consist mainly of the name of this service."


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("correct horse battery", ADA),
        ("ada bought a horse", "ada@example.com"),
        ("lovelace and babbage met", ADA),
        ("orders from a long time ago", ""),
        ("--------", ""),
        ("--------", "-@example.com"),
    ],
)
def test_other_passwords_are_accepted(password: str, email: str) -> None:
    ensure_hard_to_guess(password, email, "letmein".__eq__)


def test_half_is_not_mainly() -> None:
    ensure_hard_to_guess("abcd1234", "abcd@example.com", "letmein".__eq__)
    assert fault("abcd123", "abcd@example.com").startswith("Must not consist mainly")
