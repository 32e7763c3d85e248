-- For whom a reservation was made, where a claim of the token says so (auth.owner_claim). A storefront's
-- token sees only its own owner's; what was made before has none.
ALTER TABLE reservations ADD COLUMN owner TEXT;

-- Whose open units it counts for, while they are limited (origin.reservations.max_open_units).
ALTER TABLE reservations ADD COLUMN holder TEXT;
CREATE INDEX reservations_by_holder ON reservations (holder)
    WHERE holder IS NOT NULL AND state IN ('held', 'confirmed');
