-- Who may what. Run by a superuser in the database `onhand`, once before the first migration and again after each:
-- it may be repeated. Passwords are set by hand (\password), never here.
--   onhand_migrate  owns the schema: `onhand migrate`, and nothing else
--   onhand_origin   reads and writes rows; cannot change tables, nor lines of ledger and trail that are written
--   onhand_watch    reads statistics: exporters, people
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onhand_migrate') THEN CREATE ROLE onhand_migrate LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onhand_origin') THEN CREATE ROLE onhand_origin LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onhand_watch') THEN CREATE ROLE onhand_watch LOGIN; END IF;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO onhand_migrate;
GRANT USAGE ON SCHEMA public TO onhand_origin;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO onhand_origin;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO onhand_origin;
ALTER DEFAULT PRIVILEGES FOR ROLE onhand_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO onhand_origin;
ALTER DEFAULT PRIVILEGES FOR ROLE onhand_migrate IN SCHEMA public
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO onhand_origin;
-- A term is given to one copy of the database: the origin asks which one this is.
GRANT EXECUTE ON FUNCTION pg_control_system() TO onhand_origin;
-- The ledger is append-only by its trigger; by rights, too. Lines of the trail go when they are old.
DO $$ BEGIN
    IF to_regclass('ledger') IS NOT NULL THEN REVOKE UPDATE, DELETE ON ledger FROM onhand_origin; END IF;
    IF to_regclass('admin_log') IS NOT NULL THEN REVOKE UPDATE ON admin_log FROM onhand_origin; END IF;
    IF to_regclass('refinery_schema_history') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM onhand_origin;
    END IF;
END $$;

GRANT pg_monitor TO onhand_watch;
