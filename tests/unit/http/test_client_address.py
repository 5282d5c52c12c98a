"""The client's address behind trusted proxies, and the key for its limits."""

from ipaddress import ip_network

import pytest

from entrypoints.http.proxies.client_address import client_key

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY = "10.0.0.1"
CLIENT = "203.0.113.7"


def key(forwarded_for: str | None = None, forwarded: str | None = None, peer: str = PROXY) -> str:
    return client_key(peer, forwarded_for, forwarded, TRUSTED)


# --- X-Forwarded-For


@pytest.mark.parametrize(
    "hop",
    [CLIENT, f"{CLIENT}:51234", f'"{CLIENT}"', f" {CLIENT}\t", f"::ffff:{CLIENT}", f"[{CLIENT}]:1"],
)
def test_a_hop_may_have_a_port_brackets_and_quotes(hop: str) -> None:
    assert key(hop) == CLIENT


@pytest.mark.parametrize(
    "hop",
    ["2001:db8:1:2::7", "[2001:db8:1:2::7]", "[2001:db8:1:2::7]:443", '"[2001:db8:1:2:ffff::]:_p"'],
)
def test_an_ipv6_client_is_identified_by_its_64_bit_prefix(hop: str) -> None:
    assert key(hop) == "2001:db8:1:2::/64"


def test_an_ipv6_peer_is_identified_by_its_64_bit_prefix_or_mapped_ipv4_address() -> None:
    assert key(peer="2001:db8::1") == key(peer="2001:db8::2") == "2001:db8::/64"
    assert key(peer="2001:db8:0:1::1") != key(peer="2001:db8::1")
    assert key(peer=f"::ffff:{CLIENT}") == CLIENT


def test_a_peer_without_an_address_has_an_empty_key() -> None:
    assert key(CLIENT, peer="") == ""


def test_headers_of_an_untrusted_peer_are_ignored() -> None:
    assert key(CLIENT, f"for={CLIENT}", peer="192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"{CLIENT}, 10.1.1.1, fd00::1", CLIENT),
        (f"{CLIENT},, ,", CLIENT),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        (f"{CLIENT}, unknown, 10.1.1.1", "10.1.1.1"),
        (f"{CLIENT}, nonsense", PROXY),
        (",", PROXY),
        ("1.2.3.4:port", PROXY),
        ("[2001:db8::1", PROXY),
        ("x" * 60_000, PROXY),
        (f"{'1.2.3.4, ' * 7000}{CLIENT}", CLIENT),
    ],
)
def test_hops_are_followed_from_the_right_through_trusted_ones(header: str, client: str) -> None:
    assert key(header) == client


# --- Forwarded


@pytest.mark.parametrize(
    "header",
    [
        f"for={CLIENT}",
        f"For={CLIENT};proto=https",
        f'for="{CLIENT}:4711"; by=10.0.0.1',
        f'host="a, b;c";FOR="{CLIENT}"',
        f'for=1.2.3.4, for="\\{CLIENT}"',
        f"for={CLIENT}, for=10.1.1.1",
        f",for={CLIENT};,",
        f"for=_hidden, for={CLIENT}",
    ],
)
def test_forwarded_is_parsed_in_all_its_forms(header: str) -> None:
    assert key(forwarded=header) == CLIENT


def test_forwarded_has_ipv6_in_quotes_and_brackets() -> None:
    assert key(forwarded='for="[2001:db8:1:2::7]:47011"') == "2001:db8:1:2::/64"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (f"for={CLIENT}, for=unknown", PROXY),
        (f"for={CLIENT}, for=_gazonk, for=10.1.1.1", "10.1.1.1"),
        (f"for={CLIENT}, proto=https", PROXY),
        (f"for={CLIENT};for=1.2.3.4", PROXY),
        (f'for="x, for={CLIENT}', PROXY),
        (f"for={CLIENT} nonsense", PROXY),
        ("for=", PROXY),
        (f"{'for=1.2.3.4, ' * 5000}for={CLIENT}", PROXY),
        ('"' + '\\"' * 30_000, PROXY),
        ('for="' + '\\"' * 30_000, PROXY),
    ],
)
def test_a_hidden_or_malformed_hop_counts_as_the_proxy_that_wrote_it(
    header: str, client: str
) -> None:
    assert key(forwarded=header) == client


# --- Both headers


def test_both_headers_with_the_same_client_are_accepted() -> None:
    assert key(f"{CLIENT}:80", f'for="{CLIENT}"') == CLIENT


@pytest.mark.parametrize("made_up", ["198.51.100.1", "2001:db8::1", "unknown", "nonsense"])
def test_a_client_cannot_choose_its_key_by_the_header_that_its_proxy_does_not_write(
    made_up: str,
) -> None:
    assert key(CLIENT, f'for="{made_up}"') == PROXY
    assert key(made_up, f"for={CLIENT}") == PROXY


def test_a_header_whose_chain_ends_at_a_proxy_does_not_contradict_the_other() -> None:
    assert key(CLIENT, "for=10.1.1.1") == CLIENT
    assert key("10.1.1.1", f"for={CLIENT}") == CLIENT
    assert key(CLIENT, "proto=https") == CLIENT
