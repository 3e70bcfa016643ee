-- Gaps are listed by when they were opened, in pages, however many there have been.
CREATE INDEX gap_opened ON gap (opened_at, exchange, symbol, series, first_id, last_id);
