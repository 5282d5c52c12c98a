import hashlib
import hmac

import pytest

from adapters.security.client_secrets import RandomClientSecrets

SECRETS = RandomClientSecrets()


def test_a_secret_has_256_random_bits_in_base64url() -> None:
    secrets = {SECRETS.new() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(each) for each in secrets} == {43}
    assert all(each.replace("-", "").replace("_", "").isalnum() for each in secrets)


def test_the_stored_digest_is_sha_256() -> None:
    assert SECRETS.hash("secret") == hashlib.sha256(b"secret").digest()


def test_only_the_right_secret_matches() -> None:
    stored = SECRETS.hash("secret")
    assert SECRETS.verify(stored, "secret")
    assert not SECRETS.verify(stored, "Secret")
    assert not SECRETS.verify(None, "secret")


def test_a_missing_digest_costs_a_comparison_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not SECRETS.verify(None, "secret")
    assert SECRETS.verify(SECRETS.hash("other"), "secret")
    assert lengths == [(32, 32), (32, 32)]
