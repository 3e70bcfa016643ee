"""The one table of coins: codes, ids and names, and renames. Nothing but data.

It stands here and not with ``market.symbols``, which offers it to everybody else, because a setting
may name a coin by its id.
"""

from typing import NamedTuple


class Asset(NamedTuple):
    """A coin: its code, its id at CoinGecko, its name."""

    code: str
    coin_id: str
    name: str


ASSETS = (
    Asset("BTC", "bitcoin", "Bitcoin"),
    Asset("ETH", "ethereum", "Ethereum"),
    Asset("SOL", "solana", "Solana"),
    Asset("XRP", "ripple", "XRP"),
    Asset("DOGE", "dogecoin", "Dogecoin"),
    Asset("ADA", "cardano", "Cardano"),
    Asset("DOT", "polkadot", "Polkadot"),
    Asset("AVAX", "avalanche-2", "Avalanche"),
    Asset("LINK", "chainlink", "Chainlink"),
    Asset("POL", "polygon-ecosystem-token", "POL (formerly MATIC)"),
    Asset("UNI", "uniswap", "Uniswap"),
    Asset("ATOM", "cosmos", "Cosmos Hub"),
)
RENAMED = {"MATIC": "POL", "XBT": "BTC", "XDG": "DOGE"}
"""Codes that were renamed, or that one exchange spells its own way."""
COIN_IDS = {asset.coin_id: asset.code for asset in ASSETS} | {"matic-network": "POL"}
"""The code of each id."""
