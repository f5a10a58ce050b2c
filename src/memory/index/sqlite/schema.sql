CREATE TABLE memory_schema (           -- one row: the version of these tables
    version INTEGER NOT NULL
) STRICT;

INSERT INTO memory_schema (version) VALUES (1);

CREATE TABLE memory_collections (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice; its words are in `memory_words_` and the id
    name       TEXT NOT NULL UNIQUE,
    embedder   TEXT NOT NULL,
    dimension  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,       -- microseconds since 1970
    changed_at INTEGER NOT NULL,
    documents  INTEGER NOT NULL DEFAULT 0,
    chunks     INTEGER NOT NULL DEFAULT 0,
    tokens     INTEGER NOT NULL DEFAULT 0,
    text_bytes INTEGER NOT NULL DEFAULT 0,
    next       INTEGER NOT NULL DEFAULT 0,         -- the number of the next chunk; never used twice
    change     INTEGER NOT NULL DEFAULT 0,         -- grows with each document that comes or goes
    folded     INTEGER NOT NULL DEFAULT 0,         -- chunks of lower numbers have codes in `memory_codes`
    forgotten  INTEGER NOT NULL DEFAULT 0          -- `memory_removed` is complete for later changes only
) STRICT;

CREATE TABLE memory_documents (        -- what is visible; its chunks are `first` and those after it
    id         INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    source     TEXT NOT NULL,
    scope      TEXT NOT NULL,
    hash       TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    writer     TEXT NOT NULL,          -- JSON
    untrusted  INTEGER NOT NULL,
    metadata   TEXT NOT NULL,          -- JSON
    added_at   INTEGER NOT NULL,       -- microseconds since 1970
    first      INTEGER NOT NULL,
    chunks     INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    text_bytes INTEGER NOT NULL,
    change     INTEGER NOT NULL,       -- with which it came
    UNIQUE (collection, source, scope)
) STRICT;

CREATE INDEX memory_documents_by_number ON memory_documents (collection, first, chunks, scope, untrusted);
CREATE INDEX memory_documents_by_change ON memory_documents (collection, change, first, chunks);

CREATE TABLE memory_chunks (
    id         INTEGER PRIMARY KEY,    -- collection << 32 | number
    first_line INTEGER NOT NULL,
    last_line  INTEGER NOT NULL,
    page       INTEGER,
    heading    TEXT,
    hash       TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    text       TEXT NOT NULL
) STRICT;

CREATE TABLE memory_vectors (
    id     INTEGER PRIMARY KEY,        -- as that of the chunk
    vector BLOB NOT NULL               -- of length 1; 32-bit floats, little-endian
) STRICT;

CREATE TABLE memory_codes (            -- made from the vectors, to be searched fast
    id    INTEGER PRIMARY KEY,         -- collection << 32 | block
    codes BLOB NOT NULL                -- of the chunks of a block: their scales, then 8 bits for each number
) STRICT;

CREATE TABLE memory_staged (           -- chunks of documents that are not complete; nobody sees them
    collection INTEGER NOT NULL,
    first      INTEGER NOT NULL,
    chunks     INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,       -- microseconds since 1970; one that is not touched for long was left behind
    PRIMARY KEY (collection, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE memory_removed (          -- chunks of documents that are gone
    collection INTEGER NOT NULL,
    change     INTEGER NOT NULL,       -- with which they went
    first      INTEGER NOT NULL,
    chunks     INTEGER NOT NULL,
    cleared    INTEGER NOT NULL DEFAULT 0,         -- whether the rows are gone, too
    PRIMARY KEY (collection, change, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX memory_uncleared ON memory_removed (collection) WHERE cleared = 0;

CREATE TABLE memory_dropped (          -- collections of which rows are left
    id INTEGER PRIMARY KEY
) STRICT;
