"""Strangers at a tap that is open to other machines: nobody gets in without an authorised key.

Each attack makes ``TRIES`` tries. The environment variable TICKWIRE_SCALE, a whole number (1),
multiplies them: TICKWIRE_SCALE=10 makes more than ten thousand. While they go on, trades are
published; what proves that nobody got in is the tap's own count of who was admitted and of
subscriptions, and that no try was sent anything but a handshake. An authorised client that is there
all the time gets every trade: the negative control.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import zip_longest
from random import Random
from threading import Thread

import pytest
import zmq

from bus.tap_subscriber import Keys
from procs.tap.guests import CONNECTIONS_MAX
from tests.eventually import eventually
from tests.procs.tap_watching import SCALE, Listener, unmoved
from tests.procs.tapping import Tapped, taken
from tests.zmtp import LONG, Raw, frame, garbled, greeting, ready

pytestmark = pytest.mark.e2e

TRIES = 200 * SCALE
AT_ONCE = 50
HANDSHAKE_BYTES_MAX = 1_000
"""A greeting, a WELCOME, an ERROR; one trade is less, so its text is looked for too."""
ANSWER_S = 0.002
REFUSED_WITHIN_S = 30
LARGE = 100 << 20
Attack = Callable[[Tapped, Random, int], None]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    """A tap on all addresses, which demands keys."""
    with Tapped(tmp_path_factory.mktemp("locked"), "0.0.0.0") as made:
        yield made


@pytest.fixture(scope="module")
def friend(locked: Tapped) -> Keys:
    """An authorised client's keys."""
    return locked.authorise("friend")


def from_clients(
    tap: Tapped, count: int, keys: Callable[[], Keys | None], *, refused: bool = False
) -> None:
    """Connect that many clients, none of which may be given anything.

    Those that are to be ``refused`` stay until they have been: who leaves earlier is not counted.
    """
    for first in range(0, count, AT_ONCE):
        before = tap.counter("refused")
        with ExitStack() as ended:
            clients = [tap.client(keys()) for _ in range(first, min(count, first + AT_ONCE))]
            for client in clients:
                ended.callback(client.close)
            tap.trade()
            assert [taken(client, 2) for client in clients] == [[]] * len(clients)
            if refused:
                wait_for_refusals(tap, before + len(clients))


def wait_for_refusals(tap: Tapped, count: int) -> None:
    """Wait until the tap has refused so many since it started."""
    eventually(lambda: tap.counter("refused") >= count, within=REFUSED_WITHIN_S)


def from_raw(tap: Tapped, count: int, words: Callable[[], list[bytes]]) -> None:
    """Open that many raw connections; none may be told more than a handshake.

    Of the words each part is said once the one before has been answered.
    """
    for first in range(0, count, AT_ONCE):
        with ExitStack() as ended:
            opened = [
                ended.enter_context(Raw(tap.port))
                for _ in range(first, min(count, first + AT_ONCE))
            ]
            told = [b""] * len(opened)
            for parts in zip_longest(*(words() for _ in opened)):
                for one, part in zip(opened, parts, strict=True):
                    if part is not None:
                        one.send(part)
                tap.trade()
                for number, one in enumerate(opened):
                    told[number] += one.answer(ANSWER_S)
            assert max(len(one) for one in told) < HANDSHAKE_BYTES_MAX
            assert [one for one in told if b"binance" in one] == []


def without_a_key(tap: Tapped, chance: Random, count: int) -> None:
    """Come without a key."""
    from_clients(tap, count, lambda: None)


def with_a_random_key(tap: Tapped, chance: Random, count: int) -> None:
    """Come with the right key of the server, and a key that was just made."""
    from_clients(tap, count, lambda: Keys(*zmq.curve_keypair(), tap.server_key()), refused=True)


def with_a_public_key_alone(tap: Tapped, chance: Random, count: int) -> None:
    """Come with an authorised public key and some other secret."""
    public = tap.authorise(f"seen{chance.getrandbits(32)}").public
    from_clients(tap, count, lambda: Keys(public, zmq.curve_keypair()[1], tap.server_key()))


def by_replay(tap: Tapped, chance: Random, count: int) -> None:
    """Say again, byte for byte, what an authorised client has said."""
    said = recorded(tap, tap.authorise(f"heard{chance.getrandbits(32)}"))
    from_raw(tap, count, lambda: said)


def by_downgrade(tap: Tapped, chance: Random, count: int) -> None:
    """Speak as older peers do, or with a mechanism that demands less, and subscribe at once."""
    subscribe = frame(b"\x01")
    ways = [
        [greeting(b"NULL"), ready(), subscribe],
        [greeting(b"NULL") + ready() + subscribe],
        [greeting(b"PLAIN"), subscribe],
        [greeting(b"CURVE"), ready(), subscribe],
        [greeting(b"CURVE", major=2), subscribe],
        [greeting(b"NULL", major=1), subscribe],
        [b"\x01\x00", b"\x02\x00\x01"],  # ZMTP 1.0: no greeting at all
        [b"\xff" + bytes(7) + b"\x01\x7f\x01\x01", b"\x00\x00", b"\x00\x01\x01"],  # ZMTP 2.0
    ]
    from_raw(tap, count, lambda: chance.choice(ways))


def with_noise(tap: Tapped, chance: Random, count: int) -> None:
    """Send noise, or what a client sends with some of it changed."""
    said = recorded(tap, tap.authorise(f"noise{chance.getrandbits(32)}"))
    models = [said, [greeting(b"NULL"), ready(), frame(b"\x01")], [b"".join(said)]]

    def words() -> list[bytes]:
        if chance.random() < 0.2:
            return [chance.randbytes(chance.randint(1, 2_000))]
        parts = list(chance.choice(models))
        place = chance.randrange(len(parts))
        parts[place] = garbled(parts[place], chance)
        return parts

    from_raw(tap, count, words)


ATTACKS: list[Attack] = [
    without_a_key,
    with_a_random_key,
    with_a_public_key_alone,
    by_replay,
    by_downgrade,
    with_noise,
]


def recorded(tap: Tapped, keys: Keys) -> list[bytes]:
    """Return what an authorised client sends until it is given a trade, heard in between."""
    with socket.create_server(("127.0.0.1", 0)) as between, ExitStack() as ended:
        client = ended.enter_context(tap.context.socket(zmq.SUB))
        client.setsockopt(zmq.LINGER, 0)
        for option, key in zip(
            (zmq.CURVE_PUBLICKEY, zmq.CURVE_SECRETKEY, zmq.CURVE_SERVERKEY), keys, strict=True
        ):
            client.setsockopt(option, key)
        client.setsockopt(zmq.SUBSCRIBE, b"")
        client.connect(f"tcp://127.0.0.1:{between.getsockname()[1]}")
        inside = ended.enter_context(between.accept()[0])
        outside = ended.enter_context(socket.create_connection(("127.0.0.1", tap.port)))
        said: list[bytes] = []
        ways = [
            Thread(target=pass_on, args=(inside, outside, said)),
            Thread(target=pass_on, args=(outside, inside, [])),
        ]
        for way in ways:
            way.start()
        assert tap.hears(client)
        client.close()
        for way in ways:
            way.join(10)
    return said


def pass_on(source: socket.socket, target: socket.socket, heard: list[bytes]) -> None:
    """Pass on what comes until its end."""
    try:
        while part := source.recv(1 << 16):
            heard.append(part)
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other way has ended


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_gets_in_without_an_authorised_key(
    locked: Tapped, friend: Keys, attack: Attack
) -> None:
    with locked.client(friend) as client:
        listener = Listener(locked, client)
        chance = Random(7)
        attack(locked, chance, AT_ONCE)  # what memory it takes once is taken
        with unmoved(locked) as risen:
            attack(locked, chance, TRIES)
            listener.missed_nothing()
        known = 1 if attack in (by_replay, with_noise) else 0  # the one that they have heard
        assert (risen["admitted"], risen["subscriptions"]) == (known, known)
        assert risen["refused"] == (TRIES if attack is with_a_random_key else 0)
    with locked.client(friend) as late:
        assert locked.hears(late)


@pytest.mark.parametrize("start", [greeting(b"CURVE"), greeting(b"NULL") + ready(), b"\x01\x00"])
def test_a_frame_of_100_mib_is_refused_at_its_first_bytes(locked: Tapped, start: bytes) -> None:
    part = bytes(1 << 20)
    with unmoved(locked):
        for _ in range(SCALE):
            with Raw(locked.port) as one:
                one.send(start + bytes([LONG]) + LARGE.to_bytes(8, "big"))
                sent = sum(1 for _ in range(LARGE // len(part)) if one.send(part))
                assert sent < LARGE // len(part) / 2


def test_a_client_that_may_be_there_cannot_send_100_mib_either(
    locked: Tapped, friend: Keys
) -> None:
    with locked.client(friend) as client, locked.client(friend, kind=zmq.XSUB) as large:
        listener = Listener(locked, client)
        assert locked.hears(large)
        with unmoved(locked):
            large.send(b"\x02" + bytes(LARGE))
            listener.missed_nothing()


def test_who_never_finishes_the_handshake_makes_room_and_keeps_nobody_out(
    locked: Tapped, friend: Keys
) -> None:
    with locked.client(friend) as client, ExitStack() as ended, unmoved(locked):
        listener = Listener(locked, client)
        opened = [
            ended.enter_context(Raw(locked.port)) for _ in range((2 + SCALE) * CONNECTIONS_MAX)
        ]
        with locked.client(friend) as late:
            assert locked.hears(late)
        assert opened[0].ended(10)
        listener.missed_nothing()
        assert opened[-1].ended(10), "the handshake has a limit"


def test_a_key_that_is_taken_away_is_refused_and_a_new_one_let_in_without_a_restart(
    locked: Tapped,
) -> None:
    keys = locked.authorise("visitor")
    with locked.client(keys) as client:
        assert locked.hears(client)
    path = locked.keys_dir / "clients" / "visitor.key"
    kept = path.read_bytes()
    path.unlink()
    refused = int(locked.next_beat().counters.get("refused", 0))
    with locked.client(keys) as client:
        wait_for_refusals(locked, refused + 1)
        locked.trade()
        assert taken(client, 200) == []
        path.write_bytes(kept)
    with locked.client(keys) as client:
        assert locked.hears(client)


def test_a_late_joiner_is_given_the_present_state_through_curve(
    locked: Tapped, friend: Keys
) -> None:
    with locked.client(friend, [b"ticker."]) as early:

        def shown(price: str) -> bool:
            locked.ticker(price)
            return any(one["price"] == price for _, one in taken(early, 50))

        eventually(lambda: shown("2.50"), within=10)
        with locked.client(friend, [b"ticker.binance."]) as late:
            first = eventually(lambda: taken(late, 100))[0]
        assert (first[0], first[1]["price"]) == (b"ticker.binance.ETH-USDT.", "2.50")
