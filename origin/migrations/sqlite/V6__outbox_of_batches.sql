-- One row a batch that changed anything the feed tells, not one a key.
ALTER TABLE outbox RENAME TO outbox_of_keys;
CREATE TABLE outbox (
    id   TEXT PRIMARY KEY,   -- made by the batch; later ones are greater
    keys TEXT NOT NULL       -- JSON: {"item":"a"}, {"fact":["a","eu-1"]}, {"location":"eu-1"}, {"channel":"web"}
) WITHOUT ROWID;
INSERT INTO outbox (id, keys)
    SELECT '00000000-0000-4000-8000-000000000000', json_group_array(json(CASE kind
        WHEN 0 THEN json_object('item', sku)
        WHEN 1 THEN json_object('fact', json_array(sku, location))
        WHEN 2 THEN json_object('location', location)
        ELSE json_object('channel', location) END))
    FROM outbox_of_keys HAVING count(*) > 0;
DROP TABLE outbox_of_keys;
