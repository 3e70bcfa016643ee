-- In which minute a trade id lies, for saying when the trades of a gap are missing: candles stay
-- when their trades are pruned.
CREATE INDEX candle_minute_ids ON candle (exchange, symbol, (open_key[1]), (open_key[2]))
    WHERE interval_s = 60;
