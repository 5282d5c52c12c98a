import subprocess
import sys
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from adapters.security.ed25519 import KeyPairs, PublicKey, parse_private, parse_public
from tests.support.key_files import a_private_key, other_kinds, private_pem, public_pem

#: The key pair in RFC 8037, appendix A.
X: Final = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RAW: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def test_the_id_is_the_thumbprint_of_rfc_8037() -> None:
    key = PublicKey(RAW)
    assert key.id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    common = {"kty": "OKP", "crv": "Ed25519", "x": X}
    assert key.jwk == {**common, "kid": key.id, "use": "sig", "alg": "EdDSA"}


def test_a_private_key_has_its_public_key() -> None:
    pair = ed25519.Ed25519PrivateKey.generate()
    private = parse_private(private_pem(pair))
    assert private.public == parse_public(public_pem(pair))
    assert private.loaded().sign(b"x") == pair.sign(b"x")


def test_a_private_key_is_not_in_its_repr() -> None:
    private = a_private_key()
    assert repr(private.raw) not in repr(private)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_another_kind_of_key_is_refused_with_its_name(kind: str) -> None:
    key = other_kinds()[kind]
    with pytest.raises(ValueError, match=rf"Ed25519 private key.*another kind of key \({kind}\)"):
        parse_private(private_pem(key))
    with pytest.raises(ValueError, match=rf"Ed25519 public key.*another kind of key \({kind}\)"):
        parse_public(public_pem(key))


def test_a_key_for_key_agreement_is_refused() -> None:
    with pytest.raises(ValueError, match="X25519"):
        parse_private(private_pem(x25519.X25519PrivateKey.generate()))


@pytest.mark.parametrize(
    "pem", [b"", b"key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_garbage_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match="must be a file with an Ed25519 private key"):
        parse_private(pem)
    with pytest.raises(ValueError, match="must be files with one Ed25519 public key"):
        parse_public(pem)


def test_an_encrypted_key_is_refused() -> None:
    with pytest.raises(ValueError, match="not encrypted"):
        parse_private(private_pem(password=b"secret"))


def test_a_private_key_in_place_of_a_public_one_is_refused_and_the_reverse() -> None:
    with pytest.raises(ValueError, match="public key"):
        parse_public(private_pem())
    with pytest.raises(ValueError, match="private key"):
        parse_private(public_pem())


def test_each_public_key_is_published_once_starting_with_the_signing_one() -> None:
    first, second = a_private_key(), a_private_key()
    pairs = KeyPairs(first, (second.public, first.public, second.public))
    assert [jwk["kid"] for jwk in pairs.jwks] == [first.public.id, second.public.id]
    assert KeyPairs().jwks == []


_SYMMETRIC: Final = """
import sys
from adapters.security.keys import SigningKeys
from adapters.security.tokens import JwtTokens
from entrypoints.composition.providers import system
tokens = JwtTokens(SigningKeys(b"k" * 32), 60)
loaded = "cryptography" in sys.modules, "httpx" in sys.modules
print(*loaded, tokens._jwt.algorithms.has_crypto)
"""
_ASYMMETRIC: Final = """
from adapters.security.pyjwt import pyjwt
first = pyjwt(asymmetric=False)
second = pyjwt(asymmetric=True)
print(first.algorithms.has_crypto, second.algorithms.has_crypto, pyjwt(asymmetric=False) is second)
"""


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_without_asymmetric_keys_neither_cryptography_nor_httpx_is_imported() -> None:
    assert run(_SYMMETRIC) == ["False", "False", "False"]


def test_cryptography_can_be_added_later() -> None:
    assert run(_ASYMMETRIC) == ["False", "True", "True"]
