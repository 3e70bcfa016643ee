-- How far each consumer has stored each exchange's journal. Changed in the transaction that stores.
CREATE TABLE cursor (
    consumer text NOT NULL,
    exchange text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, exchange)
);

-- Trades that were received and not believed. Capped by rows and by age.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C",
    trade_id bigint,
    series integer NOT NULL,
    ts_recv timestamptz NOT NULL,
    reason text NOT NULL,
    frame text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX quarantine_ts_recv ON quarantine (ts_recv);

-- Ids known to be missing, first and last included.
CREATE TABLE gap (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    series integer NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL CHECK (last_id >= first_id),
    reason text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'filled', 'unfillable')),
    PRIMARY KEY (exchange, symbol, series, first_id, last_id)
);
CREATE INDEX gap_open ON gap (exchange, symbol) WHERE state = 'open';
