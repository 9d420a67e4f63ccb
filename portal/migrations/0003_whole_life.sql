-- What the whole life of a license needs: restored backups, allowances, flags, release by the owner,
-- policy by product.

-- When this database was kept as a backup; 0: it is a portal at work. A backup serves nobody until
-- `restore` has taken it into use.
ALTER TABLE portal ADD COLUMN backup_at BIGINT NOT NULL DEFAULT 0;

-- Until when a record may work that was signed between a backup and its restore: what is taken in
-- reaches at least so far. NULL: without bound.
ALTER TABLE entitlements ADD COLUMN reach_floor BIGINT DEFAULT 0;

-- Who may re-host beside those who sign in: nobody, whoever has a token, or whoever has the bare
-- activation ID (within the limit of re-hosts).
ALTER TABLE entitlements ADD COLUMN owner_release TEXT NOT NULL DEFAULT 'token'
    CHECK (owner_release IN ('no', 'token', 'id'));

-- Until when seats would have cooled that this fulfillment took again before: whatever frees them
-- lets them cool until then. Never later than its reach.
ALTER TABLE fulfillments ADD COLUMN owed BIGINT NOT NULL DEFAULT 0;

-- Flagged rows of the history up to this one have been seen by an administrator.
ALTER TABLE activation_ids ADD COLUMN acknowledged BIGINT NOT NULL DEFAULT 0;
CREATE INDEX history_flags ON history (activation_id, seq) WHERE flagged = 1;

-- What an administrator allows beyond a limit, each for one use.
CREATE TABLE allowances (
    activation_id TEXT NOT NULL REFERENCES activation_ids (activation_id),
    what TEXT NOT NULL CHECK (what IN ('return', 'rehost', 'repair')),
    remaining BIGINT NOT NULL CHECK (remaining >= 0),
    PRIMARY KEY (activation_id, what)
);

-- What an entitlement of a product takes unless it says otherwise, as JSON.
CREATE TABLE products (
    product TEXT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL
);

-- Tokens of programs. The token itself is only with its owner; here is its hash.
CREATE TABLE tokens (
    token_name TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('rehost')),
    entitlement_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL DEFAULT 0
);
