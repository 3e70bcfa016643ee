-- Candles as the exchanges themselves publish them, for the time before the trades began to be
-- stored. They are not made of stored trades, have no count of them, and are never mixed with
-- those of the table candle, which win where both exist.
CREATE TABLE candle_history (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    interval_s integer NOT NULL CHECK (interval_s > 0),
    ts_open timestamptz NOT NULL,
    open numeric NOT NULL CHECK (open > 0 AND open < 1e12),
    high numeric NOT NULL CHECK (high > 0 AND high < 1e12),
    low numeric NOT NULL CHECK (low > 0 AND low < 1e12),
    close numeric NOT NULL CHECK (close > 0 AND close < 1e12),
    volume numeric NOT NULL CHECK (volume >= 0 AND volume < 'Infinity'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, interval_s, ts_open)
);
COMMENT ON TABLE candle_history IS
    'closed candles fetched from the exchange, for when no trades are stored; see also candle';

-- What has been asked for and had, so that nothing is asked for twice.
CREATE TABLE history_range (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    interval_s integer NOT NULL CHECK (interval_s > 0),
    wanted_until timestamptz NOT NULL,
    covered tstzmultirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (exchange, symbol, interval_s)
);
COMMENT ON COLUMN history_range.wanted_until IS
    'the end of the interval in which trades began to be stored, or were again after a silence';
COMMENT ON COLUMN history_range.covered IS
    'candle_history has all that the exchange has here, be it nothing';
