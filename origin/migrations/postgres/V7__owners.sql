-- For whom a reservation was made, where a claim of the token says so (auth.owner_claim). A storefront's
-- token sees only its own owner's; what was made before has none.
ALTER TABLE reservations ADD COLUMN owner text COLLATE "C";

-- Whose open units it counts for, while they are limited (origin.reservations.max_open_units). Null
-- where they are not: then nothing is indexed.
ALTER TABLE reservations ADD COLUMN holder text COLLATE "C";
CREATE INDEX reservations_by_holder ON reservations (holder)
    WHERE holder IS NOT NULL AND state IN ('held', 'confirmed');
