"""Every exchange's recorder and simulation together: what is taken down is what is played."""

import urllib.error
from itertools import groupby
from pathlib import Path

import pytest

from bus.actor import Instant
from procs.feed.exchanges import Exchange, Polled, make, names
from procs.feed.record import NotRecorded, Recorder, Tape
from procs.simulator import recording
from procs.simulator.exchanges import coingecko, exchanges
from tests.eventually import eventually
from tests.fix_recordings import Recording, frames, own
from tests.procs.simulator.conftest import Played, Seeded, Simulation

SYMBOLS = ("BTC-USD", "ETH-USD")
OPTIONS = {"finnhub": {"token": "any"}, "coingecko": {"interval_ms": "20"}}
SECONDS = 20.0
"""A recording ends before, or the test fails."""


class Enough(Recorder):
    """A recorder that has enough at a message, or at so many trades."""

    def __init__(
        self, exchange: Exchange, tape: Tape, *, last: bytes = b"", trades: int = 0
    ) -> None:
        super().__init__(exchange, tape)
        self._last = last
        self._enough = trades

    def take(self, message: bytes, now: Instant) -> bool:
        """Write down one message. ``NotRecorded`` when that was enough."""
        says = super().take(message, now)
        if message == self._last or 0 < self._enough <= self.trades:
            raise NotRecorded("enough")
        return says


def address(simulation: Simulation, exchange: Exchange) -> str:
    """Return where the exchange is simulated."""
    if isinstance(exchange, Polled):
        return f"http://{simulation.address}/{exchange.name}/rest"
    return f"ws://{simulation.address}/{exchange.name}/ws"


def begin(simulation: Simulation, exchange: Polled) -> None:
    """Ask once, which begins a playback, and wait for its first answer."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulation.open(exchange.poll_url(f"/{exchange.name}/rest"))
    refused.value.close()
    market = simulation.sources[0].markets[exchange.name]
    eventually(lambda: market.position() == 1)


def with_trades(exchange: str, path: Path) -> list[bytes]:
    """Return the messages that hold trades; of equal ones in a row the first."""
    reads = exchanges()[exchange].recorded_trades
    found = [message for _, message in frames(path) if reads(message.decode())]
    return [message for message, _ in groupby(found)]


@pytest.mark.parametrize("name", names())
def test_a_recording_of_the_simulation_can_be_played(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(coingecko.Exchange, "updates_every_us", 50_000)
    monkeypatch.setattr(coingecko.Exchange, "calls_per_min", 10_000)
    simulation = seeded(300, symbols=[f"{name}:{symbol}" for symbol in SYMBOLS])
    exchange = make(name, SYMBOLS, OPTIONS.get(name, {}))
    path = tmp_path / name / "made.txt.zst"
    with Tape(path) as tape, pytest.raises(NotRecorded, match="enough"):
        Enough(exchange, tape, trades=50).run(address(simulation, exchange), SECONDS)
    (found,) = recording.scan([path], exchanges())
    assert found.trades >= 50
    assert {listing.symbol for listing in found.listings.values()} == set(SYMBOLS)


@pytest.mark.parametrize("recorded", own(), ids=str)
def test_what_was_recorded_of_a_playback_is_what_was_played(
    played: Played, tmp_path: Path, recorded: Recording
) -> None:
    name = recorded.exchange
    expected = with_trades(name, recorded.path)
    simulation = played(f"{name}/{recorded.path.name}")
    exchange = make(name, recorded.symbols, OPTIONS.get(name, {}))
    if isinstance(exchange, Polled):
        begin(simulation, exchange)
    path = tmp_path / name / "again.txt.zst"
    with Tape(path) as tape, pytest.raises(NotRecorded, match="enough"):
        Enough(exchange, tape, last=expected[-1]).run(address(simulation, exchange), SECONDS)
    assert with_trades(name, path) == expected
