"""Whose request it is: nobody chooses the address that he is counted by."""

import pytest

from bus import settings, values
from bus.errors import SettingError
from web.address import HOPS_MAX, UNKNOWN, client_address, is_loopback

TRUSTED = values.networks("10.0.0.0/8, 127.0.0.1, fd00::/8")


def address(peer: str | None, *forwarded: str, trusted: str | None = None) -> str:
    """The address of a request of ``peer`` with these lines of X-Forwarded-For."""
    scope = {
        "client": None if peer is None else (peer, 50_000),
        "headers": [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded],
    }
    believed = TRUSTED if trusted is None else values.networks(trusted)
    found = client_address(scope, believed)
    assert client_address(scope, ()) == found  # it is found once
    return found


def test_without_proxies_it_is_the_peers_whatever_a_header_says() -> None:
    assert address("192.0.2.1", "198.51.100.7", trusted="") == "192.0.2.1"
    assert address("192.0.2.1", "198.51.100.7") == "192.0.2.1"


def test_behind_a_trusted_proxy_it_is_what_the_proxy_appended() -> None:
    assert address("10.1.2.3", "198.51.100.7") == "198.51.100.7"
    assert address("127.0.0.1", "198.51.100.7") == "198.51.100.7"
    assert address("127.0.0.1", "203.0.113.9, 198.51.100.7") == "198.51.100.7"
    assert address("::ffff:10.1.2.3", "198.51.100.7") == "198.51.100.7"


def test_proxies_before_the_proxy_are_passed_over() -> None:
    assert address("10.0.0.1", "1.1.1.1, 198.51.100.7, 10.9.9.9 ,fd00::5") == "198.51.100.7"
    assert address("10.0.0.1", "1.1.1.1, 198.51.100.7", "10.9.9.9") == "198.51.100.7"


def test_who_asks_from_within_the_trusted_networks_has_his_own_address() -> None:
    assert address("10.0.0.1", "10.5.5.5, 10.9.9.9") == "10.5.5.5"
    assert address("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(
    "unreadable", ["unknown", "", " ", "_hidden", "1.2.3", "x" * 5000, "1.2.3.4.5", "\xff", "a:b:c"]
)
def test_what_cannot_be_read_is_the_proxy_that_wrote_it_and_never_what_stands_before(
    unreadable: str,
) -> None:
    assert address("10.0.0.1", f"198.51.100.7, {unreadable}") == "10.0.0.1"
    assert address("10.0.0.1", f"198.51.100.7, {unreadable}, 10.9.9.9") == "10.9.9.9"


def test_a_port_that_a_proxy_writes_is_no_part_of_it() -> None:
    assert address("10.0.0.1", "198.51.100.7:4711") == "198.51.100.7"
    assert address("10.0.0.1", "[2001:db8:0:1:2::3]:4711") == "2001:db8:0:1::/64"


def test_a_subscriber_has_one_address_of_all_his_ipv6_ones() -> None:
    assert address("2001:db8:0:1::5") == address("2001:db8:0:1:ffff::9") == "2001:db8:0:1::/64"
    assert address("2001:db8:0:2::5") != address("2001:db8:0:1::5")
    assert address("fe80::1%eth0") == "fe80::/64"
    assert address("::ffff:192.0.2.1") == "192.0.2.1"


def test_no_more_than_some_hops_are_looked_at() -> None:
    assert (
        address("10.0.0.1", "10.5.5.5," + "10.9.9.9," * (HOPS_MAX - 1) + "10.9.9.8") == "10.9.9.9"
    )
    assert address("10.0.0.1", "1.2.3.4, " * 3000 + "198.51.100.7") == "198.51.100.7"


def test_a_peer_that_has_gone_has_no_address() -> None:
    assert address(None, "198.51.100.7") == UNKNOWN


def test_loopback_is_known_in_every_spelling() -> None:
    for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"):
        assert is_loopback(address(peer, trusted=""))
    for other in ("12.7.0.1", "::2", "192.0.2.127", None):
        assert not is_loopback(address(other, trusted=""))


def test_the_setting_takes_addresses_and_networks() -> None:
    found = settings.load({"TRUSTED_PROXIES": " 192.0.2.1 ,10.1.0.0/8,2001:db8::/32,"})
    shown = [str(network) for network in found.trusted_proxies]
    assert shown == ["192.0.2.1/32", "10.0.0.0/8", "2001:db8::/32"]
    assert settings.load({}).trusted_proxies == ()


@pytest.mark.parametrize("wrong", ["localhost", "10.0.0.0/33", "10.0.0", "*", "nginx,10.0.0.1"])
def test_the_setting_refuses_what_is_no_address(wrong: str) -> None:
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        settings.load({"TRUSTED_PROXIES": wrong})
