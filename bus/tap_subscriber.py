"""A subscriber to the tap, as other programs would write it.

Comes in: an address, topics, keys where the tap demands them. Goes out: decoded messages, and while
none come a sentence about why, because a ZeroMQ socket by itself is silent about a wrong key, a
wrong address and a wrong topic alike. It never gives up.
"""

import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import zmq

from bus.errors import SettingError
from bus.sockets import Socket
from bus.wiring import TAP

SILENT_S = 3.0
"""So long nothing may come before a word is said about it."""
MESSAGE_BYTES_MAX = 64 << 20
_EVENTS = (
    zmq.EVENT_CLOSED  # no connection came about
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Keys(NamedTuple):
    """What a tap that is open to other machines demands, as text (Z85)."""

    public: bytes
    secret: bytes
    server: bytes


class Tap:
    """One connection to a tap.

    Args:
        endpoint: its address, ``tcp://127.0.0.1:5556``.
        prefixes: topics or their beginnings, ``trade.binance.``; an empty one is everything.
        keys: for a tap that demands them.

    Raises:
        SettingError: ZeroMQ cannot use the address.
    """

    def __init__(self, endpoint: str, prefixes: list[str], keys: Keys | None = None) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._context: zmq.Context[Socket] = zmq.Context()
        self._tap = self._context.socket(zmq.SUB)
        self._events = self._context.socket(zmq.PAIR)
        self._connected = False
        self._trouble = ""
        self._given_up = False
        self._set_up(prefixes)
        try:
            self._tap.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise SettingError(
                "--endpoint", f"{endpoint}: {error.strerror}", "give tcp://ADDRESS:PORT"
            ) from None

    def _set_up(self, prefixes: list[str]) -> None:
        tap = self._tap
        tap.setsockopt(zmq.RCVHWM, TAP.hwm)
        tap.setsockopt(zmq.LINGER, 0)
        tap.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        tap.setsockopt(zmq.HEARTBEAT_IVL, 5_000)
        tap.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15_000)
        tap.setsockopt(zmq.RECONNECT_IVL_MAX, 1_000)
        tap.setsockopt(zmq.IPV6, 1)
        if self._keys is not None:
            tap.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public)
            tap.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret)
            tap.setsockopt(zmq.CURVE_SERVERKEY, self._keys.server)
        for prefix in prefixes:
            tap.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        tap.monitor("inproc://events", _EVENTS)
        self._events.setsockopt(zmq.RCVHWM, 0)  # a full monitor would hold up the connection
        self._events.setsockopt(zmq.LINGER, 0)
        self._events.connect("inproc://events")

    def messages(self, say: Callable[[str], None]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (topic, message), for ever; ``say`` a sentence when silence needs a word."""
        said = ""
        silent_since = time.monotonic()
        while True:
            wait_s = silent_since + SILENT_S - time.monotonic()
            if self._tap.poll(max(0, int(wait_s * 1000))):
                topic, payload = self._tap.recv_multipart()
                yield topic.decode(), msgspec.msgpack.decode(payload)
                said = self._trouble = ""
                silent_since = time.monotonic()
                continue
            silent_since = time.monotonic()
            sentence = self._why()
            if self._given_up:
                self._connect_anew()
            if sentence != said:
                said = sentence
                say(sentence)

    def _why(self) -> str:
        """Return a sentence about the silence, from what has happened to the connection."""
        while self._events.poll(0):
            event, value = struct.unpack("=HI", self._events.recv_multipart()[0])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._connected = True
                self._trouble = ""
            elif event == zmq.EVENT_DISCONNECTED:
                self._connected = False
            elif event == zmq.EVENT_CLOSED:
                self._trouble = "nobody answers there"
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._trouble = "it refuses this key; its owner has to authorise it"
                self._given_up = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                self._trouble = self._mismatch(value)
                self._given_up = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                self._trouble = (
                    "it demands a key; give --key and --server-key"
                    if self._keys is None
                    else "it ends the handshake; is that its server key?"
                )
        if self._trouble:
            return f"{self._endpoint}: {self._trouble}; still trying"
        if not self._connected:  # of a name or a firewall that keeps silent there is no event
            asked = "is the name right, is the port open?"
            return f"{self._endpoint}: no connection yet; {asked} Still trying"
        return f"nothing yet under that topic from {self._endpoint}; still listening"

    def _mismatch(self, value: int) -> str:
        if value != zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            return "what answers there is no tap"
        if self._keys is None:
            return "it demands a key; give --key and --server-key"
        return "it takes no keys; leave --key and --server-key out"

    def _connect_anew(self) -> None:
        """Try again: after a refusal ZeroMQ itself never does."""
        self._given_up = False
        try:
            self._tap.disconnect(self._endpoint)
        except zmq.ZMQError:
            pass  # it has forgotten the address already
        self._tap.connect(self._endpoint)

    def close(self) -> None:
        """Leave."""
        self._tap.disable_monitor()
        self._tap.close()
        self._events.close()
        self._context.term()
