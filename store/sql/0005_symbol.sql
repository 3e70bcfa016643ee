-- What an exchange says of each symbol that a feed is configured for, once it has said it.
CREATE TABLE symbol (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    base text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(symbol, '-', 1)) STORED,
    quote text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(symbol, '-', 2)) STORED,
    tick_size numeric CHECK (tick_size > 0 AND tick_size < 1e12),
    size_step numeric CHECK (size_step > 0 AND size_step < 1e12),
    decimals integer GENERATED ALWAYS AS (scale(trim_scale(tick_size))) STORED,
    listed boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol)
);
COMMENT ON COLUMN symbol.tick_size IS 'the smallest step of the price; null where none is known';
COMMENT ON COLUMN symbol.size_step IS 'the smallest step of the size; null where none is known';
COMMENT ON COLUMN symbol.decimals IS 'the digits after the point that a price has, by tick_size';
COMMENT ON COLUMN symbol.listed IS 'false: the exchange does not know it, or no longer';
COMMENT ON COLUMN symbol.updated_at IS 'when one of these was last another';
