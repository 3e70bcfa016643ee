"""cryptofeed's own Binance handler on frames of a file: prints CPU µs a frame.

Run by ``bench_parse`` in cryptofeed's virtual environment: ``peer_cryptofeed.py FILE RUNS``. It
subscribes to Binance's aggregate trades, whose frames differ in two words: those are put in.
"""

import asyncio
import sys
import time
from pathlib import Path

from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

NATIVE = {"BTC-USDT": "BTCUSDT"}


async def main(text: str) -> None:
    """Feed the frames to ``message_handler``, as its connection loop does."""
    frames = text.replace('"e":"trade"', '"e":"aggTrade"').replace('"t":', '"a":').split("\n")
    Symbols.set(Binance.id, NATIVE, {"instrument_type": {"BTC-USDT": "spot"}})
    count = 0

    async def on_trade(trade: object, receipt: float) -> None:
        nonlocal count
        count += 1

    feed = Binance(symbols=["BTC-USDT"], channels=[TRADES], callbacks={TRADES: on_trade})
    best = float("inf")
    for _ in range(int(sys.argv[2])):
        begin = time.process_time()
        for frame in frames:
            await feed.message_handler(frame, None, 0.0)
        best = min(best, time.process_time() - begin)
    assert count == len(frames) * int(sys.argv[2])
    print(best / len(frames) * 1e6)


asyncio.run(main(Path(sys.argv[1]).read_text()))
