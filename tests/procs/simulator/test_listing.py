"""What a simulated exchange says that it lists, as a feed reads it."""

import urllib.error

import pytest

from procs.feed.exchanges import Listed, Listing, load, names
from tests.procs.simulator.conftest import SYMBOLS, Seeded, Simulation

STEPS = {
    "coinbase:BTC-USD": Listing("0.01", "0.00000001"),
    "coinbase:ETH-USD": Listing("0.01", "0.00000001"),
    "binance:BTC-USDT": Listing("0.01", "0.00001"),
    "binance:ETH-BTC": Listing("0.00001", "0.0001"),
    "kraken:BTC-USD": Listing("0.01", "0.00000001"),
}

LISTED = [name for name in names() if isinstance(load(name)(("BTC-USD",)), Listed)]
"""The exchanges that can be asked for one symbol."""


def listing(simulation: Simulation, exchange: str, symbol: str) -> Listing | None:
    """Return what a feed of that exchange reads."""
    reading = load(exchange)((symbol,))
    assert isinstance(reading, Listed)
    path = reading.listing_url(f"/{exchange}/rest", symbol)
    try:
        body, _ = simulation.open(path)
    except urllib.error.HTTPError as refused:
        with refused:
            return reading.parse_listing(refused.code, refused.read())
    return reading.parse_listing(200, body)


def test_every_symbol_has_its_steps(seeded: Seeded) -> None:
    simulation = seeded(symbols=(*SYMBOLS, "kraken:BTC-USD"))
    found = {name: listing(simulation, *name.split(":")) for name in STEPS}
    assert found == STEPS


@pytest.mark.parametrize("exchange", LISTED)
def test_a_symbol_that_is_not_traded_is_not_listed(seeded: Seeded, exchange: str) -> None:
    simulation = seeded(symbols=(f"{exchange}:BTC-USD", f"{exchange}:ETH-USD"))
    assert listing(simulation, exchange, "NOSUCH-USD") is None
