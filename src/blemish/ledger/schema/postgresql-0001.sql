CREATE TABLE blemish_row (
    number bigint PRIMARY KEY,
    time timestamptz NOT NULL,
    score double precision,
    threshold double precision,
    refers_to bigint,
    kind text NOT NULL,
    key text UNIQUE,
    part text,
    recipe text,
    model_sha256 text,
    image_sha256 text,
    verdict text,
    who text,
    body json NOT NULL,  -- not jsonb: hashed as it stands here
    sha256 bytea NOT NULL CHECK (length(sha256) = 32)
);

CREATE INDEX blemish_row_by_part ON blemish_row (part) WHERE part IS NOT NULL;
CREATE INDEX blemish_row_by_verdict ON blemish_row (verdict, number) WHERE verdict IS NOT NULL;
CREATE INDEX blemish_row_by_reference ON blemish_row (refers_to) WHERE refers_to IS NOT NULL;
CREATE INDEX blemish_row_by_time ON blemish_row (kind, time, verdict, recipe);

-- The row before the first one, where the ledger had archived it before the mirror began.
CREATE TABLE blemish_anchor (
    number bigint PRIMARY KEY,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32)
);

CREATE FUNCTION blemish_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of a ledger is never changed';
END $$;

CREATE TRIGGER blemish_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON blemish_row
FOR EACH STATEMENT EXECUTE FUNCTION blemish_refuse();

CREATE TRIGGER blemish_anchor_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON blemish_anchor
FOR EACH STATEMENT EXECUTE FUNCTION blemish_refuse();
