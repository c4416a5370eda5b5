CREATE TABLE row (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,  -- microseconds since 1970, UTC
    score REAL,
    threshold REAL,
    refers_to INTEGER,
    kind TEXT NOT NULL,
    key TEXT,
    part TEXT,
    recipe TEXT,
    model_sha256 TEXT,
    image_sha256 TEXT,
    verdict TEXT,
    who TEXT,
    body TEXT NOT NULL,  -- JSON, hashed as it stands here
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;

CREATE UNIQUE INDEX row_by_key ON row (key) WHERE key IS NOT NULL;
CREATE INDEX row_by_part ON row (part) WHERE part IS NOT NULL;
CREATE INDEX row_by_verdict ON row (verdict) WHERE verdict IS NOT NULL;
CREATE INDEX row_by_reference ON row (refers_to) WHERE refers_to IS NOT NULL;
CREATE INDEX row_by_time ON row (kind, time, verdict, recipe);

-- Where the chain goes on from: rows up to here are in an archive.
CREATE TABLE anchor (
    number INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    time INTEGER NOT NULL
) STRICT;

-- Small texts beside the chain, which may be replaced.
CREATE TABLE mark (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TRIGGER row_is_next BEFORE INSERT ON row
WHEN NEW.number IS NOT 1 + max(
    (SELECT coalesce(max(number), 0) FROM row), (SELECT coalesce(max(number), 0) FROM anchor)
)
BEGIN SELECT RAISE(ABORT, 'a row comes after the last one only'); END;

CREATE TRIGGER row_stays BEFORE UPDATE ON row
BEGIN SELECT RAISE(ABORT, 'a row is never changed'); END;

CREATE TRIGGER row_is_kept BEFORE DELETE ON row
WHEN OLD.number > (SELECT coalesce(max(number), 0) FROM anchor)
BEGIN SELECT RAISE(ABORT, 'a row is taken out only once it is archived'); END;

CREATE TRIGGER anchor_stays BEFORE UPDATE ON anchor
BEGIN SELECT RAISE(ABORT, 'an anchor is never changed'); END;

CREATE TRIGGER anchor_is_kept BEFORE DELETE ON anchor
BEGIN SELECT RAISE(ABORT, 'an anchor is never taken out'); END;
