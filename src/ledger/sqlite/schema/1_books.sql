-- The books. Amounts are whole: nano-dollars, tokens, requests. Instants are
-- nanoseconds since 1970-01-01T00:00:00Z. `docs/LEDGER.md` explains each table.

-- One for each organisation; the empty name is the default books.
CREATE TABLE tenants (
    tenant    INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    entries INTEGER NOT NULL CHECK (entries >= 0),       -- the number of the newest journal entry
    head    BLOB NOT NULL CHECK (length(head) = 32),     -- its link of the chain
    time    INTEGER NOT NULL,                            -- the latest instant: it never runs backwards
    seal    INTEGER NOT NULL                             -- a checksum of the row
) STRICT;

CREATE TABLE accounts (
    account INTEGER PRIMARY KEY,
    tenant    INTEGER NOT NULL REFERENCES tenants,
    budget  TEXT NOT NULL,
    scope   TEXT NOT NULL,
    unit    TEXT NOT NULL,
    "window" TEXT NOT NULL,
    span    INTEGER NOT NULL CHECK (span >= 1),          -- 61 where the window rolls
    newest  INTEGER NOT NULL,                            -- the newest period seen
    fired   INTEGER NOT NULL CHECK (fired >= 0),         -- where it rolls: tiers that fired, a bit each
    seal    INTEGER NOT NULL,
    UNIQUE (tenant, scope, budget, unit, "window")
) STRICT;

-- Recomputed from the journal by `verify`.
CREATE TABLE balances (
    account  INTEGER NOT NULL REFERENCES accounts,
    period   INTEGER NOT NULL,                           -- a sub-period where the window rolls
    spent    INTEGER NOT NULL CHECK (spent >= 0),
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    fired    INTEGER NOT NULL CHECK (fired >= 0),        -- tiers that fired in the period, a bit each
    PRIMARY KEY (account, period)
) STRICT, WITHOUT ROWID;

-- What the journal says about a call, once for all entries of its charge set.
CREATE TABLE calls (
    call       INTEGER PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    model      TEXT NOT NULL,
    use_case   TEXT,
    price      TEXT NOT NULL,
    tags       TEXT NOT NULL CHECK (json_valid(tags)),       -- [["key", "value"], …]
    exemptions TEXT NOT NULL CHECK (json_valid(exemptions))  -- ["id", …]
) STRICT;

-- Ids that were seen: open holds, and the remembered answers of what has ended.
CREATE TABLE holds (
    hold       INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL REFERENCES tenants,
    id         BLOB NOT NULL CHECK (length(id) = 16),
    state      TEXT NOT NULL CHECK (state IN ('held', 'expired', 'provisional', 'estimated', 'reported',
                                              'released', 'refused', 'tombstone', 'recorded')),
    body       BLOB NOT NULL CHECK (length(body) = 16),  -- a hash of what was first asked
    expires_at INTEGER NOT NULL,
    on_expiry  TEXT NOT NULL CHECK (on_expiry IN ('nothing', 'hold', 'amounts')),
    unheld     INTEGER NOT NULL CHECK (unheld IN (0, 1)),
    ended_at   INTEGER,
    call       INTEGER REFERENCES calls,
    seal       INTEGER NOT NULL,                         -- of the row and its lines
    UNIQUE (tenant, id),
    CHECK ((state = 'held') = (ended_at IS NULL))
) STRICT;

CREATE INDEX holds_due ON holds (tenant, expires_at, id) WHERE state = 'held';

CREATE TABLE hold_lines (
    hold      INTEGER NOT NULL REFERENCES holds ON DELETE CASCADE,
    line      INTEGER NOT NULL CHECK (line >= 0),
    account   INTEGER NOT NULL REFERENCES accounts,
    period    INTEGER NOT NULL,
    amount    INTEGER NOT NULL,                          -- held while it lives, charged afterwards
    refunded  INTEGER NOT NULL CHECK (refunded >= 0),
    on_expiry INTEGER CHECK (on_expiry >= 0),            -- where the hold says 'amounts'
    PRIMARY KEY (hold, line)
) STRICT, WITHOUT ROWID;

-- Scopes that admit nothing.
CREATE TABLE frozen (
    tenant   INTEGER NOT NULL REFERENCES tenants,
    scope  TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('freeze', 'stop', 'close')),
    since  INTEGER NOT NULL,
    "by"   TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tenant, scope)
) STRICT, WITHOUT ROWID;

-- Every confirmed change, numbered without gaps; nothing is ever changed or taken away.
CREATE TABLE journal (
    tenant     INTEGER NOT NULL REFERENCES tenants,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    at       INTEGER NOT NULL,
    id       BLOB NOT NULL CHECK (length(id) = 16),
    kind     TEXT NOT NULL CHECK (kind IN ('reserved', 'resized', 'reconciled', 'unheld', 'released',
                                           'recorded', 'reached', 'marked')),
    detail   TEXT,                                       -- a certainty, a tier, or a mark
    scope    TEXT,                                       -- the scope that was marked
    call     INTEGER REFERENCES calls,
    usage    TEXT CHECK (json_valid(usage)),
    ended    TEXT,
    "by"     TEXT,
    reason   TEXT,
    link     BLOB NOT NULL CHECK (length(link) = 32),    -- a hash of the entry, its lines, and the link before
    PRIMARY KEY (tenant, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_lines (
    tenant     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    line     INTEGER NOT NULL CHECK (line >= 0),
    account  INTEGER NOT NULL REFERENCES accounts,
    period   INTEGER NOT NULL,
    spent    INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    PRIMARY KEY (tenant, sequence, line),
    FOREIGN KEY (tenant, sequence) REFERENCES journal
) STRICT, WITHOUT ROWID;

CREATE TRIGGER journal_keeps_entries BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_all_entries BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_lines BEFORE UPDATE ON journal_lines
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_all_lines BEFORE DELETE ON journal_lines
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- Levels that spent money has reached, until somebody was told.
CREATE TABLE events (
    tenant         INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,                       -- the journal entry that tells it
    level        INTEGER NOT NULL,
    spent        INTEGER NOT NULL,
    delivered_at INTEGER,
    seal         INTEGER NOT NULL,
    PRIMARY KEY (tenant, sequence),
    FOREIGN KEY (tenant, sequence) REFERENCES journal
) STRICT, WITHOUT ROWID;

CREATE INDEX events_waiting ON events (tenant, sequence) WHERE delivered_at IS NULL;
