"""The aggregator: the live view. Tickers, candles and averages out of the trades as they come."""
