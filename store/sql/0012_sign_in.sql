-- Attempts to sign in or up, for the limit of so many a minute that all web processes keep together.
-- A row is an address or an account, known by a hash: this table tells nobody who signs in.
CREATE TABLE sign_in (
    who bytea PRIMARY KEY CHECK (octet_length(who) = 16),
    attempts timestamptz[] NOT NULL,
    forgotten_at timestamptz NOT NULL
);
CREATE INDEX sign_in_forgotten_at ON sign_in (forgotten_at);

COMMENT ON TABLE sign_in IS
    'attempts of the last minute by address and by account, hashed; a row means nothing after forgotten_at and is deleted by a later attempt';
