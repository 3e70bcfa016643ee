"""The kinds of value that frames are made of, each with its unit in the documents."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

Moment = Annotated[
    str,
    Meta(
        description="A moment: ISO-8601, UTC, ends with Z",
        examples=["2025-10-01T14:01:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
EpochMs = Annotated[int, Meta(description="A moment: epoch ms, UTC", examples=[1_759_327_260_000])]
Price = Annotated[Decimal, Meta(description="In units of the symbol's quote, USDT of ETH-USDT")]
Size = Annotated[Decimal, Meta(description="In units of the symbol's base, ETH of ETH-USDT")]
Percent = Annotated[Decimal, Meta(description="In percent, 1.5 is 1.5 %")]
Symbol = Annotated[str, Meta(description="BASE-QUOTE in capitals", examples=["ETH-USDT"])]
Pair = Annotated[str, Meta(description="A symbol without its dash", examples=["ETHUSDT"])]
CoinId = Annotated[str, Meta(description="A coin's id at CoinGecko", examples=["bitcoin"])]
Exchange = Annotated[str, Meta(description="In lower case", examples=["binance"])]
SymbolName = Annotated[
    str, Meta(description="A symbol with its exchange", examples=["binance:ETH-USDT"])
]
Epoch = Annotated[int, Meta(description="Identity of the stream that counts seq")]
Seq = Annotated[int, Meta(description="Position in that stream, rising")]
Partial = Annotated[
    bool,
    Meta(
        description="True when trades are known to be missing:"
        " it began before the data did, or has a gap"
    ),
]
Code = Annotated[str, Meta(description="For programs", examples=["RESOURCE_NOT_FOUND"])]
Sentence = Annotated[str, Meta(description="For people: what was found, and what to do")]
Side = Literal["buy", "sell"]
