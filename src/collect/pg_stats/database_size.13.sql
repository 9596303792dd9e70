-- Sizes of the watched databases ($1: their names). Cost: looks at every file of each. Needs: CONNECT or pg_read_all_stats;
-- a database without either has none.
select
    d.datname::text as database
    , case
        when pg_catalog.has_database_privilege(d.oid, 'connect') or pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
            then pg_catalog.pg_database_size(d.oid)
    end as size_bytes
from pg_catalog.pg_database d
where d.datname = any ($1::text[])
