-- Numbers are the law's: an account is numbered within its tenant, a hold is its id. Each tenant shows a version.
DROP VIEW spend_by_tag;
DROP VIEW spend_by_model;
DROP VIEW spend_by_day;
DROP VIEW spend_by_scope;
DROP VIEW charges;
DROP VIEW recomputed_balances;

ALTER TABLE tenants RENAME TO old_tenants;
ALTER TABLE accounts RENAME TO old_accounts;
ALTER TABLE balances RENAME TO old_balances;
ALTER TABLE calls RENAME TO old_calls;
ALTER TABLE holds RENAME TO old_holds;
ALTER TABLE hold_lines RENAME TO old_hold_lines;
ALTER TABLE frozen RENAME TO old_frozen;
ALTER TABLE journal RENAME TO old_journal;
ALTER TABLE journal_lines RENAME TO old_journal_lines;
ALTER TABLE events RENAME TO old_events;
DROP TRIGGER journal_keeps_entries;
DROP TRIGGER journal_keeps_all_entries;
DROP TRIGGER journal_keeps_lines;
DROP TRIGGER journal_keeps_all_lines;
DROP INDEX holds_due;
DROP INDEX events_waiting;

-- One for each organisation; the empty name is the default books.
CREATE TABLE tenants (
    tenant    INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    counter   INTEGER NOT NULL,                          -- grows by one with each write
    tag       INTEGER NOT NULL,                          -- random, of the write that made this version
    time      INTEGER NOT NULL,                          -- the latest instant: it never runs backwards
    entries   INTEGER NOT NULL CHECK (entries >= 0),     -- the number of the newest journal entry
    head      BLOB NOT NULL CHECK (length(head) = 32),   -- its link of the chain
    accounts  INTEGER NOT NULL CHECK (accounts >= 0),    -- the number that was given to an account last
    forgotten INTEGER NOT NULL,                          -- ids of before may have been forgotten
    seal      INTEGER NOT NULL                           -- a checksum of the row
) STRICT;

CREATE TABLE accounts (
    tenant    INTEGER NOT NULL REFERENCES tenants,
    account   INTEGER NOT NULL CHECK (account >= 1),     -- its number within the tenant
    budget    TEXT NOT NULL,
    scope     TEXT NOT NULL,
    unit      TEXT NOT NULL,
    "window"  TEXT NOT NULL,
    span      INTEGER NOT NULL CHECK (span >= 1),        -- 61 where the window rolls
    newest    INTEGER NOT NULL,                          -- the newest period seen
    fired     INTEGER NOT NULL CHECK (fired >= 0),       -- where it rolls: tiers that fired, a bit each
    live      INTEGER NOT NULL,                          -- which of the newest 64 periods have a balance, a bit each
    seal      INTEGER NOT NULL,
    PRIMARY KEY (tenant, account),
    UNIQUE (tenant, scope, budget, unit, "window")
) STRICT, WITHOUT ROWID;

-- Recomputed from the journal by `verify`.
CREATE TABLE balances (
    tenant    INTEGER NOT NULL,
    account   INTEGER NOT NULL,
    period    INTEGER NOT NULL,                          -- a sub-period where the window rolls
    spent     INTEGER NOT NULL CHECK (spent >= 0),
    reserved  INTEGER NOT NULL CHECK (reserved >= 0),
    fired     INTEGER NOT NULL CHECK (fired >= 0),       -- tiers that fired in the period, a bit each
    PRIMARY KEY (tenant, account, period),
    FOREIGN KEY (tenant, account) REFERENCES accounts
) STRICT, WITHOUT ROWID;

-- What the journal says about a call, once for all entries of its charge set.
CREATE TABLE calls (
    call       INTEGER PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    model      TEXT NOT NULL,
    use_case   TEXT,
    price      TEXT NOT NULL,
    tags       TEXT NOT NULL CHECK (json_valid(tags)),       -- [["key", "value"], …]
    exemptions TEXT NOT NULL CHECK (json_valid(exemptions)), -- ["id", …]
    provider   TEXT,
    conditions TEXT CHECK (conditions IS NULL OR json_valid(conditions)), -- null: standard
    scopes     TEXT NOT NULL CHECK (json_valid(scopes))      -- ["team/search", …]: all that the call names
) STRICT;

-- Ids that were seen: open holds, and the remembered answers of what has ended.
CREATE TABLE holds (
    tenant     INTEGER NOT NULL REFERENCES tenants,
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
    PRIMARY KEY (tenant, id),
    CHECK ((state = 'held') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Imported rows bear no time: their ids begin with a bit that no time has. They go when expires_at has come.
CREATE INDEX holds_imported ON holds (tenant, expires_at) WHERE id >= x'80000000000000000000000000000000';

CREATE INDEX holds_due ON holds (tenant, expires_at, id) WHERE state = 'held';

CREATE TABLE hold_lines (
    tenant    INTEGER NOT NULL,
    id        BLOB NOT NULL,
    line      INTEGER NOT NULL CHECK (line >= 0),
    account   INTEGER NOT NULL,
    period    INTEGER NOT NULL,
    amount    INTEGER NOT NULL,                          -- held while it lives, charged afterwards
    refunded  INTEGER NOT NULL CHECK (refunded >= 0),
    on_expiry INTEGER NOT NULL CHECK (on_expiry >= 0),   -- where the hold says 'amounts'
    PRIMARY KEY (tenant, id, line),
    FOREIGN KEY (tenant, id) REFERENCES holds ON DELETE CASCADE,
    FOREIGN KEY (tenant, account) REFERENCES accounts
) STRICT, WITHOUT ROWID;

-- Scopes that admit nothing.
CREATE TABLE frozen (
    tenant INTEGER NOT NULL REFERENCES tenants,
    scope  TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('freeze', 'stop', 'close')),
    since  INTEGER NOT NULL,
    "by"   TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tenant, scope)
) STRICT, WITHOUT ROWID;

-- Every confirmed change, numbered without gaps; nothing is ever changed or taken away.
CREATE TABLE journal (
    tenant   INTEGER NOT NULL REFERENCES tenants,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    at       INTEGER NOT NULL,
    id       BLOB NOT NULL CHECK (length(id) = 16),
    kind     TEXT NOT NULL CHECK (kind IN ('reserved', 'resized', 'reconciled', 'unheld', 'released',
                                           'recorded', 'reached', 'marked')),
    detail   TEXT,                                       -- a certainty, a tier, or a mark
    scope    TEXT,                                       -- the scope that was marked
    call     INTEGER REFERENCES calls,
    served   TEXT CHECK (served IS NULL OR json_valid(served)), -- null: as its call was asked for
    usage    TEXT CHECK (usage IS NULL OR json_valid(usage)),
    cost     INTEGER,                                    -- in nano-dollars; null: unknown
    ended    TEXT,
    "by"     TEXT,
    reason   TEXT,
    link     BLOB NOT NULL CHECK (length(link) = 32),    -- a hash of the entry, its lines, and the link before
    PRIMARY KEY (tenant, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_lines (
    tenant   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    line     INTEGER NOT NULL CHECK (line >= 0),
    account  INTEGER NOT NULL,
    period   INTEGER NOT NULL,
    spent    INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    PRIMARY KEY (tenant, sequence, line),
    FOREIGN KEY (tenant, sequence) REFERENCES journal,
    FOREIGN KEY (tenant, account) REFERENCES accounts
) STRICT, WITHOUT ROWID;

-- Thresholds that spent money has reached, until somebody was told.
CREATE TABLE events (
    tenant       INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,                       -- the journal entry that tells it
    threshold    INTEGER NOT NULL,
    spent        INTEGER NOT NULL,
    delivered_at INTEGER,
    seal         INTEGER NOT NULL,
    PRIMARY KEY (tenant, sequence),
    FOREIGN KEY (tenant, sequence) REFERENCES journal
) STRICT, WITHOUT ROWID;

CREATE INDEX events_waiting ON events (tenant, sequence) WHERE delivered_at IS NULL;

-- An account keeps the number that it had in the file: no two of one tenant share one, and the chain was hashed with it.
INSERT INTO tenants SELECT tenant, name, 1, 0, time, entries, head,
    (SELECT coalesce(max(account), 0) FROM old_accounts WHERE old_accounts.tenant = old_tenants.tenant),
    -9223372036854775808, 0 FROM old_tenants;
INSERT INTO accounts SELECT tenant, account, budget, scope, unit, "window", span, newest, fired, 0, 0 FROM old_accounts;
INSERT INTO balances SELECT tenant, account, period, spent, reserved, old_balances.fired
    FROM old_balances JOIN old_accounts USING (account);
INSERT INTO calls SELECT call, digest, model, use_case, price, tags, exemptions, provider, conditions, '[]' FROM old_calls;
-- Refusals are remembered by the process that gave them.
INSERT INTO holds SELECT tenant, id, state, body, expires_at, on_expiry, unheld, ended_at, call, 0 FROM old_holds
    WHERE state <> 'refused';
INSERT INTO hold_lines SELECT tenant, id, line, account, period, amount, refunded, coalesce(old_hold_lines.on_expiry, 0)
    FROM old_hold_lines JOIN old_holds USING (hold);
INSERT INTO frozen SELECT * FROM old_frozen;
-- What an older file did not note stays unknown.
INSERT INTO journal SELECT tenant, sequence, at, id, kind, detail, scope, call, NULL, usage, NULL, ended, "by", reason, link
    FROM old_journal;
INSERT INTO journal_lines SELECT * FROM old_journal_lines;
INSERT INTO events SELECT tenant, sequence, level, spent, delivered_at, 0 FROM old_events;

DROP TABLE old_events;
DROP TABLE old_journal_lines;
DROP TABLE old_journal;
DROP TABLE old_frozen;
DROP TABLE old_hold_lines;
DROP TABLE old_holds;
DROP TABLE old_calls;
DROP TABLE old_balances;
DROP TABLE old_accounts;
DROP TABLE old_tenants;

CREATE TRIGGER journal_keeps_entries BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_all_entries BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_lines BEFORE UPDATE ON journal_lines
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_all_lines BEFORE DELETE ON journal_lines
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- For people and their reports. In all but `facts` a charge stands once for each account that it binds, so compare like with like.

-- What the journal says each balance must be.
CREATE VIEW recomputed_balances AS
SELECT lines.tenant, lines.account, lines.period, sum(lines.spent) AS spent, sum(lines.reserved) AS reserved,
       sum(CASE WHEN journal.kind = 'reached' AND accounts.span = 1
                THEN 1 << CAST(journal.detail AS INTEGER) ELSE 0 END) AS fired
FROM journal_lines AS lines
JOIN journal USING (tenant, sequence)
JOIN accounts USING (tenant, account)
GROUP BY lines.tenant, lines.account, lines.period;

-- Every change of what is spent, with what is known of its call.
CREATE VIEW charges AS
SELECT tenants.name AS organization, accounts.scope, accounts.budget, accounts.unit, accounts."window",
       lines.period, date(journal.at / 1000000000, 'unixepoch') AS day, lower(hex(journal.id)) AS id,
       calls.provider, calls.model, coalesce(json_extract(journal.served, '$.model'), calls.model) AS served,
       calls.use_case, calls.tags, journal.detail AS certainty, lines.spent
FROM journal_lines AS lines
JOIN journal USING (tenant, sequence)
JOIN accounts USING (tenant, account)
JOIN tenants ON tenants.tenant = lines.tenant
LEFT JOIN calls ON calls.call = journal.call
WHERE lines.spent <> 0;

-- What is known of each charge, once, whether or not any budget binds its call. A later row of an id stands for the earlier ones.
CREATE VIEW facts AS
SELECT tenants.name AS organization, journal.sequence, date(journal.at / 1000000000, 'unixepoch') AS day, journal.at,
       lower(hex(journal.id)) AS id, journal.kind, journal.detail AS certainty, journal.ended,
       calls.scopes, calls.tags, calls.use_case, calls.provider,
       calls.model, coalesce(json_extract(journal.served, '$.model'), calls.model) AS served,
       coalesce(json_extract(journal.served, '$.conditions'), calls.conditions) AS conditions,
       coalesce(json_extract(journal.served, '$.price'), calls.price) AS price,
       journal.usage, journal.cost
FROM journal
JOIN tenants USING (tenant)
LEFT JOIN calls USING (call)
WHERE journal.kind IN ('reconciled', 'unheld', 'released', 'recorded');

CREATE VIEW spend_by_scope AS
SELECT tenants.name AS organization, scope, budget, unit, "window", period, spent, reserved
FROM balances JOIN accounts USING (tenant, account) JOIN tenants USING (tenant);

CREATE VIEW spend_by_day AS
SELECT organization, scope, budget, unit, "window", day, sum(spent) AS spent
FROM charges GROUP BY organization, scope, budget, unit, "window", day;

CREATE VIEW spend_by_model AS
SELECT organization, scope, budget, unit, "window", model, served, sum(spent) AS spent
FROM charges GROUP BY organization, scope, budget, unit, "window", model, served;

CREATE VIEW spend_by_tag AS
SELECT organization, scope, budget, unit, "window",
       json_extract(tag.value, '$[0]') AS tag, json_extract(tag.value, '$[1]') AS value, sum(spent) AS spent
FROM charges, json_each(charges.tags) AS tag
GROUP BY organization, scope, budget, unit, "window", 6, 7;
