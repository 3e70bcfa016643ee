-- Coins: their code, their id at CoinGecko, their name. Filled from market/symbols.py.
CREATE TABLE asset (
    code text COLLATE "C" PRIMARY KEY,
    coin_id text COLLATE "C" NOT NULL,
    name text NOT NULL
);
COMMENT ON TABLE asset IS 'follows tickwire''s own table: what is changed here is changed back';
