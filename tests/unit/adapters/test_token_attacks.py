"""No forged, misspelled or misissued token is accepted."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.security.keys import SigningKeys
from adapters.security.tokens import JwtTokens
from application.errors import NotAuthenticated, TokenExpired
from domain.ids import UserId
from tests.support.jws import jws, parts_of
from tests.support.token_attacks import ATTACKER_KEY, forged, misissued, misspelled

KEY, PREVIOUS = b"k" * 32, b"p" * 32
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
GENUINE = (
    JwtTokens(SigningKeys(KEY, [PREVIOUS]), 1800).issue(UserId(uuid4()), uuid4(), uuid4(), NOW).text
)
FORGED, MISSPELLED = forged(GENUINE), misspelled(GENUINE)
MISISSUED = misissued(GENUINE, KEY, int(NOW.timestamp()))
EXPIRED = ("expired", "expires at this moment", "exp is true", "duplicate exp")


def tokens() -> JwtTokens:
    return JwtTokens(SigningKeys(KEY, [PREVIOUS]), 1800)


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        tokens().verify(token, NOW)
    assert refused.type is NotAuthenticated


@pytest.mark.parametrize("token", MISSPELLED.values(), ids=MISSPELLED)
def test_another_spelling_of_a_token_is_refused(token: str) -> None:
    by = tokens()
    by.verify(GENUINE, NOW)
    with pytest.raises(NotAuthenticated):
        by.verify(token, NOW)


@pytest.mark.parametrize("name", MISISSUED)
def test_a_signed_token_for_another_purpose_is_refused(name: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        tokens().verify(MISISSUED[name], NOW)
    assert refused.type is (TokenExpired if name in EXPIRED else NotAuthenticated)


def test_the_attacks_are_made_from_a_token_that_is_valid() -> None:
    header, payload, _ = parts_of(GENUINE)
    by = tokens()
    assert by.verify(GENUINE, NOW) == by.verify(jws(header, payload, KEY), NOW)


def test_a_refused_token_leaves_nothing_in_the_cache() -> None:
    by = tokens()
    for token in (*FORGED.values(), *MISSPELLED.values()):
        with pytest.raises(NotAuthenticated):
            by.verify(token, NOW)
    assert not by._memory._claims


@pytest.mark.parametrize("other", [PREVIOUS, ATTACKER_KEY])
def test_a_key_id_does_not_select_the_wrong_key(other: bytes) -> None:
    header, payload, _ = parts_of(GENUINE)
    with pytest.raises(NotAuthenticated):
        tokens().verify(jws(header, payload, other), NOW)


def test_a_token_from_a_clock_that_is_a_minute_fast_is_valid() -> None:
    by = tokens()
    early = [NOW - timedelta(seconds=60), NOW - timedelta(seconds=61)]
    by.verify(GENUINE, early[0])
    with pytest.raises(NotAuthenticated):
        tokens().verify(GENUINE, early[1])
