"""Whose request this is: the address that limits are counted by.

In come the ASGI scope and the proxies that are believed; out goes the client's address as text, one
spelling for each: the peer's, or behind a trusted proxy what that proxy wrote. Whoever else sends
``X-Forwarded-For`` is not believed. ``Forwarded`` (RFC 7239) is never read: one header that proxies
append to is enough, and a second one that a proxy passes on unread could be forged.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

Networks = tuple[IPv4Network | IPv6Network, ...]

HOPS_MAX = 16
"""Addresses of ``X-Forwarded-For`` that are looked at, from the right."""
UNKNOWN = ""
"""The address of a peer that was gone before it could be asked for."""
_ADDRESS = "tickwire.address"
_IPV6_PREFIX = 64


def client_address(scope: Scope, trusted: Networks) -> str:
    """Return the address of who asks; found once for each request or WebSocket.

    IPv4 as ``192.0.2.1``. IPv6 as its network, ``2001:db8:0:1::/64``: one subscriber has all of
    that; ``::1`` as it is. Behind proxies it is the right-most address of ``X-Forwarded-For`` that
    is no trusted proxy; where that cannot be read, the proxy that wrote it.

    Args:
        scope: of HTTP or of a WebSocket. The address is kept in it.
        trusted: TRUSTED_PROXIES.
    """
    found: str | None = scope.get(_ADDRESS)
    if found is None:
        peer = scope["client"]
        found = UNKNOWN if peer is None else _shared(peer[0])
        if trusted and peer is not None and _is_in(peer[0], trusted):
            found = _forwarded(scope["headers"], found, trusted)
        scope[_ADDRESS] = found
    return found


def is_loopback(address: str) -> bool:
    """True when an address that ``client_address`` returned is of this machine."""
    return address.startswith("127.") or address == "::1"


def _forwarded(headers: Iterable[tuple[bytes, bytes]], nearest: str, trusted: Networks) -> str:
    """Return the first untrusted address from the right, or the farthest trusted one."""
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    for hop in reversed(b",".join(lines).decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]):
        text = _without_port(hop.strip())
        address = _shared(text)
        if address == UNKNOWN:
            break
        nearest = address
        if not _is_in(text, trusted):
            break
    return nearest


def _without_port(text: str) -> str:
    """Return ``192.0.2.1:80`` and ``[2001:db8::1]:80``, as some proxies write it, bare."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@lru_cache(maxsize=4096)
def _is_in(text: str, networks: Networks) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=4096)
def _shared(text: str) -> str:
    """Return what all of one subscriber's addresses have in common; UNKNOWN for no address."""
    address = _address(text)
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv4Address) or address.is_loopback:
        return str(address)
    return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; an IPv4 one within IPv6 (``::ffff:192.0.2.1``) as what it is."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
