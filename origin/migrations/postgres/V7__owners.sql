-- For whom a reservation was made, where a claim of the token says so (auth.owner_claim). A storefront's
-- token sees only its own owner's; what was made before has none.
ALTER TABLE reservations ADD COLUMN owner text COLLATE "C";

-- Whose open units it counts for, and how many they are, where they were limited when it was made
-- (origin.reservations.max_open_units). Null where they were not: then nothing is counted or indexed.
ALTER TABLE reservations ADD COLUMN holder text COLLATE "C";
ALTER TABLE reservations ADD COLUMN open_units bigint;

-- The sum of the above. Rises only under the holder's lock, and falls with the commit that closes units.
CREATE TABLE open_units (
    holder text COLLATE "C" PRIMARY KEY,
    units  bigint NOT NULL
) WITH (fillfactor = 50);

-- What is past its deadline and not swept yet is still in the sum, and is not open any more.
CREATE INDEX reservations_by_holder ON reservations (holder, expires_at)
    WHERE holder IS NOT NULL AND state = 'held';
