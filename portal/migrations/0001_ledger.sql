-- The ledger. One SQL text for SQLite and PostgreSQL: columns BIGINT and TEXT only, booleans 0 or 1,
-- times Unix seconds given by the program, IDs made by the program, bytes as base64 or hexadecimal.

-- One row: who this portal is. The root key signs keysets; see the README on where it is kept.
CREATE TABLE portal (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    vendor TEXT NOT NULL,
    salt TEXT NOT NULL,
    epoch BIGINT NOT NULL CHECK (epoch >= 1),
    root_public TEXT NOT NULL,
    root_seed TEXT NOT NULL,
    keyset TEXT NOT NULL,
    keyset_version BIGINT NOT NULL CHECK (keyset_version >= 1),
    created_at BIGINT NOT NULL
);

CREATE TABLE online_keys (
    public_key TEXT NOT NULL PRIMARY KEY,
    seed TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'verify_only', 'revoked')),
    valid_from BIGINT NOT NULL,
    valid_until BIGINT NOT NULL
);

-- What was bought. `issued` is the seats that its activation IDs hold: never more than was bought.
CREATE TABLE entitlements (
    entitlement_id TEXT NOT NULL PRIMARY KEY,
    product TEXT NOT NULL,
    features TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity >= 1),
    issued BIGINT NOT NULL DEFAULT 0,
    starts_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lease BIGINT NOT NULL CHECK (lease >= 0),
    grace BIGINT NOT NULL CHECK (grace >= 0),
    clock_tolerance BIGINT NOT NULL CHECK (clock_tolerance >= 0),
    strict BIGINT NOT NULL CHECK (strict IN (0, 1)),
    reclaim BIGINT NOT NULL CHECK (reclaim IN (0, 1)),
    virtual_machines BIGINT NOT NULL CHECK (virtual_machines IN (0, 1)),
    containers BIGINT NOT NULL CHECK (containers IN (0, 1)),
    offline BIGINT NOT NULL CHECK (offline IN (0, 1)),
    tell_holders BIGINT NOT NULL CHECK (tell_holders IN (0, 1)),
    return_limit BIGINT,
    rehost_limit BIGINT,
    repair_limit BIGINT,
    limit_period BIGINT NOT NULL CHECK (limit_period >= 1),
    created_at BIGINT NOT NULL,
    CHECK (issued >= 0 AND issued <= quantity),
    CHECK (strict = 0 OR lease > 0)
);

-- fulfilled + cooling + available + given_back = quantity + excess, where available is what is left.
-- `given_back`: seats that a retired ID gave back to its entitlement. `excess`: seats above the
-- quantity, known only after a restored backup; whatever is freed lowers it first. `turn` is raised
-- first by every transaction about the ID: that is its lock, on either engine.
CREATE TABLE activation_ids (
    activation_id TEXT NOT NULL PRIMARY KEY,
    entitlement_id TEXT NOT NULL REFERENCES entitlements (entitlement_id),
    kind TEXT NOT NULL CHECK (kind IN ('nl', 'cc')),
    quantity BIGINT NOT NULL CHECK (quantity >= 1),
    fulfilled BIGINT NOT NULL DEFAULT 0 CHECK (fulfilled >= 0),
    cooling BIGINT NOT NULL DEFAULT 0 CHECK (cooling >= 0),
    given_back BIGINT NOT NULL DEFAULT 0 CHECK (given_back >= 0),
    excess BIGINT NOT NULL DEFAULT 0 CHECK (excess >= 0),
    status TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    turn BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    retired_at BIGINT NOT NULL DEFAULT 0,
    CHECK (fulfilled + cooling + given_back <= quantity + excess),
    CHECK (status = 'active' OR fulfilled = 0),
    CHECK (status = 'inactive' OR given_back = 0)
);
CREATE INDEX activation_ids_of ON activation_ids (entitlement_id);

-- The rights issued to one machine for one activation ID. `reach`: until when a copy may work that
-- the portal cannot reach, the latest of all that was signed; NULL: without bound.
CREATE TABLE fulfillments (
    fulfillment_id TEXT NOT NULL PRIMARY KEY,
    activation_id TEXT NOT NULL REFERENCES activation_ids (activation_id),
    state TEXT NOT NULL CHECK (state IN ('live', 'returned', 'retired', 'rehosted', 'reclaimed')),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    seats BIGINT NOT NULL CHECK (seats >= 1),
    scope TEXT NOT NULL CHECK (scope IN ('user', 'machine')),
    user_hash TEXT NOT NULL,
    host TEXT NOT NULL,
    host_id TEXT NOT NULL,
    host_label TEXT NOT NULL,
    device_key TEXT NOT NULL,
    op TEXT NOT NULL,
    previous_op TEXT NOT NULL,
    record TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    grace_until BIGINT NOT NULL,
    reach BIGINT,
    activated_at BIGINT NOT NULL,
    last_contact BIGINT NOT NULL,
    closed_at BIGINT NOT NULL DEFAULT 0,
    CHECK ((state = 'live') = (closed_at = 0))
);
CREATE INDEX fulfillments_of ON fulfillments (activation_id, state);

-- Keys that a re-attach replaced for good.
CREATE TABLE replaced_keys (
    fulfillment_id TEXT NOT NULL REFERENCES fulfillments (fulfillment_id),
    device_key TEXT NOT NULL,
    replaced_at BIGINT NOT NULL,
    PRIMARY KEY (fulfillment_id, device_key)
);

-- Seats that were freed without the machine's word: free at `until`, or at once for their holder.
CREATE TABLE cooling_seats (
    cooling_id TEXT NOT NULL PRIMARY KEY,
    activation_id TEXT NOT NULL REFERENCES activation_ids (activation_id),
    fulfillment_id TEXT NOT NULL REFERENCES fulfillments (fulfillment_id),
    seats BIGINT NOT NULL CHECK (seats >= 1),
    until BIGINT NOT NULL,
    scope TEXT NOT NULL,
    user_hash TEXT NOT NULL,
    host TEXT NOT NULL
);
CREATE INDEX cooling_seats_of ON cooling_seats (activation_id, until);

-- One stored answer an operation, for the life of the license. A tombstone has no answer yet: its
-- operation was abandoned before it was seen.
CREATE TABLE operations (
    op TEXT NOT NULL PRIMARY KEY,
    activation_id TEXT NOT NULL,
    ask TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    device_key TEXT NOT NULL,
    fresh_key TEXT NOT NULL,
    verdict TEXT NOT NULL,
    fulfillment_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX operations_of ON operations (activation_id, at);

-- The highest generation seen of each store.
CREATE TABLE stores (
    store_id TEXT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- What the limits of return, re-host and repair count.
CREATE TABLE tallies (
    tally_id TEXT NOT NULL PRIMARY KEY,
    activation_id TEXT NOT NULL REFERENCES activation_ids (activation_id),
    what TEXT NOT NULL CHECK (what IN ('return', 'rehost', 'repair')),
    at BIGINT NOT NULL
);
CREATE INDEX tallies_of ON tallies (activation_id, what, at);

-- Who did what, when, from where. Each row's hash covers the row and the hash before it.
CREATE TABLE history (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    activation_id TEXT NOT NULL,
    entitlement_id TEXT NOT NULL,
    fulfillment_id TEXT NOT NULL,
    host_id TEXT NOT NULL,
    flagged BIGINT NOT NULL CHECK (flagged IN (0, 1)),
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX history_of ON history (activation_id, seq);

CREATE TABLE history_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO history_head (id, seq, hash) VALUES (1, 0, '');
