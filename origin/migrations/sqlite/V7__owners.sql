-- For whom a reservation was made, where a claim of the token says so (auth.owner_claim). A storefront's
-- token sees only its own owner's; what was made before has none.
ALTER TABLE reservations ADD COLUMN owner TEXT;

-- Whose open units it counts for, and how many they are, where they were limited when it was made
-- (origin.reservations.max_open_units).
ALTER TABLE reservations ADD COLUMN holder TEXT;
ALTER TABLE reservations ADD COLUMN open_units INTEGER;

-- The sum of the above.
CREATE TABLE open_units (
    holder TEXT PRIMARY KEY,
    units  INTEGER NOT NULL
) WITHOUT ROWID;

-- What is past its deadline and not swept yet is still in the sum, and is not open any more.
CREATE INDEX reservations_by_holder ON reservations (holder, expires_at)
    WHERE holder IS NOT NULL AND state = 'held';
